"""Every client of the field, from its first unauthorized call to the end of its grant, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc import jwt

from cockpit.model.identity import Scope
from oauth.assertions import KIND
from tests.oauth.client_shapes import CHATGPT_KEY, CHATGPT_KEYS_AT, SHAPES, Shape
from tests.oauth.house import Answer, House, query_of, tokens_of, wait_of
from tests.oauth.internet import Internet


def signature(house: House, client_id: str) -> dict[str, str]:
    house.clock.go(1)
    now = int(house.clock.now().timestamp())
    claims = {"iss": client_id, "sub": client_id, "aud": f"{house.base}/oauth/token", "iat": now, "exp": now + 60}
    text = jwt.encode({"alg": "RS256", "kid": "k1"}, claims | {"jti": f"j{now}"}, CHATGPT_KEY)
    return {"client_assertion_type": KIND, "client_assertion": text}


async def call(house: House, token: str | None) -> Answer:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return await house.ask("POST", "/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "initialize"}, headers=headers)


async def known_as(shape: Shape, house: House, internet: Internet) -> str:
    """Become known to the server the way the client does, having looked where it looks."""
    refused = await call(house, None)
    assert refused.status == 401
    described = refused.headers["WWW-Authenticate"].partition('resource_metadata="')[2].partition('"')[0]
    resource = (await house.get(described)).json
    (server,) = resource["authorization_servers"]
    told = (await house.get(f"{server}/.well-known/{shape.metadata}")).json
    assert told["issuer"] == server
    assert "none" in told["token_endpoint_auth_methods_supported"]
    assert told["code_challenge_methods_supported"] == ["S256"]
    if shape.document is not None:
        assert told["client_id_metadata_document_supported"] is True
        client_id = shape.document["client_id"]
        internet.publish(client_id, {name: value for name, value in shape.document.items() if value is not None})
        internet.publish(CHATGPT_KEYS_AT, {"keys": [{**CHATGPT_KEY.as_dict(private=False), "kid": "k1", "use": "sig"}]})
        return client_id
    answer = await house.ask("POST", told["registration_endpoint"], json=shape.registers)
    assert answer.status == 201, answer.text
    assert None not in answer.json.values()
    assert shape.redirect in answer.json["redirect_uris"] or shape.is_local
    return answer.json["client_id"]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
async def test_it_comes_in_works_refreshes_and_leaves(shape: Shape, connected: House, internet: Internet) -> None:
    house = connected
    client_id = await known_as(shape, house, internet)
    resource = shape.resource.format(resource=house.resource, origin=house.base)
    page = await house.authorize(
        client_id, redirect_uri=shape.redirect, scope=shape.scope, resource=resource, **shape.more
    )
    assert page.status == 200, page.text
    (waiting,) = house.authority.waiting()
    assert waiting.host == shape.host
    assert ("computer of this browser" in page.text) is shape.is_local
    assert {Scope.READ_MARKET, Scope.READ_ACCOUNT} <= set(waiting.asked)
    await house.approve(page, "mine")
    back = await house.get(wait_of(page))
    assert back.status == 303
    assert back.headers["Location"].startswith(f"{shape.redirect}?")
    said = query_of(back)
    assert (said["state"], said["iss"]) == ("st4te", house.base)

    def proof() -> dict[str, Any]:
        return signature(house, client_id) if shape.proves else {}

    answer = await house.redeem(
        client_id, said["code"], redirect_uri=shape.redirect, resource=resource, **proof()
    )  # fmt: skip
    tokens = tokens_of(answer)
    assert answer.json["token_type"] == "Bearer"
    assert (await call(house, tokens.access)).json == {"client": "mine"}
    wish = {} if shape.refresh_scope is None else {"scope": shape.refresh_scope}
    renewed = tokens_of(await house.refresh(client_id, tokens.refresh, resource=resource, **wish, **proof()))
    assert (await call(house, renewed.access)).status == 200
    form = {"token": renewed.refresh, "client_id": client_id, "token_type_hint": "refresh_token"}
    assert (await house.ask("POST", "/oauth/revoke", data=form | proof())).status == 200
    assert (await call(house, renewed.access)).status == 401
    assert (await house.refresh(client_id, renewed.refresh, **proof())).json["error"] == "invalid_grant"


@pytest.mark.parametrize("shape", [one for one in SHAPES if one.document], ids=lambda shape: shape.name)
async def test_nothing_but_its_document_and_its_keys_is_fetched(
    shape: Shape, connected: House, internet: Internet
) -> None:
    client_id = await known_as(shape, connected, internet)
    code = await connected.code(client_id, "mine", redirect_uri=shape.redirect)
    proof = signature(connected, client_id) if shape.proves else {}
    tokens_of(await connected.redeem(client_id, code, redirect_uri=shape.redirect, **proof))
    assert internet.asked == ([client_id, CHATGPT_KEYS_AT] if shape.proves else [client_id])
