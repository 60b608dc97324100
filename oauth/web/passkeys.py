"""Passkeys (WebAuthn level 2): what browsers are asked for, and whether what they answer holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from oauth.web.config import WebConfig
from oauth.web.records import Passkey

CHALLENGE_BYTES: Final = 32
CHALLENGE_SECONDS: Final = 300
_OPERATOR: Final = b"operator"
"""The user handle: there is one operator (WebAuthn, 5.4.3)."""


class BadPasskey(Exception):
    """What came is no answer of a passkey that counts."""


def asked_to_make(config: WebConfig, challenge: bytes, known: list[Passkey]) -> str:
    """Return what a browser is asked to make: a passkey that can be found without a name, and that knows its user."""
    options = generate_registration_options(
        rp_id=config.host,
        rp_name="Cockpit",
        user_id=_OPERATOR,
        user_name=f"operator of {config.host}",
        challenge=challenge,
        timeout=CHALLENGE_SECONDS * 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential_id) for one in known],
    )
    return options_to_json(options)


def made(config: WebConfig, challenge: bytes, answer: str) -> tuple[bytes, bytes, int]:
    """Return credential id, public key and count of a new passkey. `BadPasskey` where the answer doesn't hold."""
    try:
        verified = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=config.host,
            expected_origin=config.origin,
            require_user_verification=True,
        )
    except Exception as problem:  # noqa: BLE001 - strangers write it, and no list names all that its parsers raise
        raise BadPasskey(str(problem)) from None
    return verified.credential_id, verified.credential_public_key, verified.sign_count


def asked_to_show(config: WebConfig, challenge: bytes) -> str:
    """Return what a browser is asked for. It names no passkey: strangers learn of none."""
    options = generate_authentication_options(
        rp_id=config.host,
        challenge=challenge,
        timeout=CHALLENGE_SECONDS * 1000,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def shown(config: WebConfig, challenge: bytes, answer: str, known: list[Passkey]) -> Passkey:
    """Return the passkey whose answer this is, with its new count. `BadPasskey` where it is none's."""
    try:
        credential = parse_authentication_credential_json(answer)
        passkey = next((one for one in known if one.credential_id == credential.raw_id), None)
        if passkey is None:
            raise BadPasskey("no passkey that counts")
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=config.host,
            expected_origin=config.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except Exception as problem:  # noqa: BLE001 - strangers write it, and no list names all that its parsers raise
        raise BadPasskey(str(problem)) from None
    return replace(passkey, sign_count=verified.new_sign_count)
