"""The documents that clients probe, at every path where they look."""

from __future__ import annotations

import pytest
from mcp.shared.auth import OAuthMetadata, ProtectedResourceMetadata

from cockpit.model.identity import Scope
from oauth.metadata import server_metadata
from tests.oauth.house import House, config_for

SERVER = ["oauth-authorization-server", "openid-configuration"]


@pytest.mark.parametrize("suffix", ["", "/mcp"])
@pytest.mark.parametrize("name", SERVER)
async def test_the_server_is_described_wherever_clients_look(house: House, name: str, suffix: str) -> None:
    answer = await house.get(f"/.well-known/{name}{suffix}")
    assert answer.status == 200
    told = OAuthMetadata.model_validate(answer.json)
    assert answer.json["issuer"] == house.config.issuer
    assert told.code_challenge_methods_supported == ["S256"]
    assert "none" in (told.token_endpoint_auth_methods_supported or [])
    assert answer.json["authorization_response_iss_parameter_supported"] is True
    assert set(told.scopes_supported or []) == set(Scope)
    assert answer.json["client_id_metadata_document_supported"] is True, "hosted clients look for both"
    assert "private_key_jwt" in (told.token_endpoint_auth_methods_supported or [])
    assert answer.json["token_endpoint_auth_signing_alg_values_supported"] == ["RS256", "ES256"]
    for endpoint in ("authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint"):
        assert (await house.get(answer.json[endpoint])).status in {400, 405}
    assert (await house.get(answer.json["jwks_uri"])).status == 200
    assert (await house.ask("HEAD", f"/.well-known/{name}{suffix}")).status == 200


@pytest.mark.parametrize("suffix", ["", "/mcp"])
async def test_the_resource_names_its_server_and_only_scopes_that_read(house: House, suffix: str) -> None:
    answer = await house.get(f"/.well-known/oauth-protected-resource{suffix}")
    told = ProtectedResourceMetadata.model_validate(answer.json)
    assert answer.json["resource"] == house.config.resource
    assert answer.json["authorization_servers"] == [house.config.issuer]
    assert Scope.READ_MARKET in (told.scopes_supported or [])
    assert not {"write:orders", "write:alerts"} & set(told.scopes_supported or [])


def test_only_scopes_that_settings_allow_somewhere_are_told() -> None:
    config = config_for(
        1, scopes_by_connection={"a": frozenset({Scope.READ_MARKET}), "b": frozenset({Scope.READ_ACCOUNT})}
    )
    assert config.grantable == (Scope.READ_MARKET, Scope.READ_ACCOUNT)


def test_a_host_that_reaches_no_document_offers_none() -> None:
    told = server_metadata(config_for(1, document_hosts=frozenset()))
    assert told["client_id_metadata_document_supported"] is False


@pytest.mark.parametrize("issuer", ["http://remote.example", "https://a.example/", "https://a.example/x", "ftp://a"])
def test_an_issuer_that_clients_could_not_trust_is_refused_at_the_start(issuer: str) -> None:
    with pytest.raises(ValueError):
        config_for(1, issuer=issuer)
