"""What the authorization server costs: the check of a token, a refresh, and a kill, each beside a peer of the same run.

    python -m bench.oauth

*Check* is what stands before every call: beside joserfc decoding the same tokens and checking their claims, without
looking for a grant. *Refresh* is the token endpoint without HTTP, durable and audited: beside Authlib's own grant over
aiosqlite (`bench.oauth_peer`), durable without audit. *Kill* ends a thousand grants while two hundred streams are open.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import orjson
from joserfc import jwt
from joserfc.jwk import RSAKey

from bench.oauth_peer import Peer
from cockpit.model.identity import Caller, ClientName
from oauth.authority import Authority, Made, Terms
from oauth.messages import HttpRequest
from oauth.signing import FILE
from oauth.tokens import TokenSigner
from tests.oauth.house import READS, House, open_house
from tests.security.site import Site, open_site

_MCP = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}


async def minted(authority: Authority, count: int) -> list[str]:
    """Make tokens, each with a grant of its own."""
    made = [
        await authority.mint_token(Terms(ClientName(f"bench-{place}"), READS, "paper", timedelta(days=1)), "bench")
        for place in range(count)
    ]
    return [one.secret for one in made if isinstance(one, Made)]


def each(work: Callable[[str], object], texts: Sequence[str]) -> float:
    """Return seconds of one piece of work."""
    began = time.perf_counter()
    for text in texts:
        work(text)
    return (time.perf_counter() - began) / len(texts)


async def checks(house: House, count: int, rounds: int) -> None:
    """Measure the check of tokens and keys."""
    authority, key = house.authority, RSAKey.import_key((house.store.keys / FILE).read_bytes())
    claims = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": house.config.issuer},
        aud={"essential": True, "value": house.config.resource},
        exp={"essential": True},
        now=lambda: int(house.clock.now().timestamp()),
    )
    tokens = await minted(authority, count)
    api_key = await authority.create_key(ClientName("script"), READS, "paper", None, "bench")
    assert isinstance(api_key, tuple)

    def peer(token: str) -> None:
        claims.validate(jwt.decode(token, key, algorithms=["RS256"]).claims)

    def check(token: str) -> None:
        if not isinstance(authority.check(f"Bearer {token}", "127.0.0.1"), Caller):
            raise SystemExit("a good token is refused")

    seconds: dict[str, list[float]] = {"joserfc decode": [], "unseen": [], "seen before": [], "API key": []}
    for _ in range(rounds):
        # One that has verified nothing yet.
        authority._state.signer = TokenSigner(house.config, authority._state.signer.keys)
        seconds["joserfc decode"].append(each(peer, tokens))
        seconds["unseen"].append(each(check, tokens))
        seconds["seen before"].append(each(check, tokens))
        seconds["API key"].append(each(check, [api_key[0]] * count))
    base = statistics.median(seconds["joserfc decode"])
    print(f"{'check of':<20} {'us':>8} {'of joserfc':>12}")
    for name, took in seconds.items():
        print(f"{name:<20} {statistics.median(took) * 1e6:8.1f} {statistics.median(took) / base:12.2f}")


async def refreshes(house: House, peer: Peer, callers: int, count: int, rounds: int) -> None:
    """Measure refreshes a second, each caller one after the other, callers side by side."""
    ours = [await house.connect(f"bench-{place}") for place in range(callers)]
    theirs = [(f"c-{place}", await peer.issue(f"c-{place}")) for place in range(callers)]

    async def one_of_ours(client_id: str, token: str) -> str:
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": token}
        request = HttpRequest(
            "POST", "127.0.0.1", body=urlencode(form).encode(), content_type="application/x-www-form-urlencoded"
        )
        answer = await house.authority.endpoints.token(request)
        if answer.status != 200:
            raise SystemExit(f"refused: {answer.body!r}")
        return orjson.loads(answer.body)["refresh_token"]

    async def chain(refresh: Callable[[str, str], Awaitable[str]], client_id: str, token: str) -> tuple[str, str]:
        for _ in range(count):
            token = await refresh(client_id, token)
        return client_id, token

    kept = {"cockpit": [(client_id, tokens.refresh) for client_id, tokens in ours], "peer": theirs}
    how = {"cockpit": one_of_ours, "peer": peer.refresh}
    rates: dict[str, list[float]] = {"cockpit": [], "peer": []}
    for _ in range(rounds):
        for who, refresh in how.items():
            began = time.perf_counter()
            kept[who] = list(await asyncio.gather(*(chain(refresh, *one) for one in kept[who])))
            rates[who].append(callers * count / (time.perf_counter() - began))
    cockpit, naive = statistics.median(rates["cockpit"]), statistics.median(rates["peer"])
    print(
        f"refreshes a second, {callers:>2} at once: {cockpit:6.0f}, Authlib on aiosqlite {naive:6.0f}: {cockpit / naive:.2f}"
    )


async def kill(site: Site, grants: int, streams: int) -> None:
    """Measure a kill of many grants while streams are open."""
    tokens = await minted(site.authority, grants)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http, AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(http.get(site.resource, headers=await _session(http, site, token)))
                  for token in tokens[:streams]]  # fmt: skip
        if {stream.status for stream in opened} != {200}:
            raise SystemExit("a stream was not opened")
        ends = [asyncio.create_task(stream.read()) for stream in opened]
        began = time.perf_counter()
        ended = site.authority.kill_now()
        in_memory = time.perf_counter() - began
        await site.authority.kill_durably("bench")
        durable = time.perf_counter() - began
        await asyncio.gather(*ends)
        closed = time.perf_counter() - began
    alive = [token for token in tokens[:3] if await site.lives(token)]
    if len(ended) != grants or alive:
        raise SystemExit("something lives on")
    print(f"kill of {grants} grants, {streams} streams open: dead in memory and told after {in_memory * 1e3:.2f} ms,")
    print(f"  on the disk after {durable * 1e3:.1f} ms, every stream closed after {closed * 1e3:.1f} ms")


async def _session(http: aiohttp.ClientSession, site: Site, token: str) -> dict[str, str]:
    headers = {**_MCP, "Authorization": f"Bearer {token}"}
    about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about}
    async with http.post(site.resource, json=body, headers=headers) as answer:
        return {**headers, "Mcp-Session-Id": answer.headers["Mcp-Session-Id"]}


async def main(tokens: int, count: int, rounds: int, grants: int, streams: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(Path(folder) / "check") as house:
            await checks(house, tokens, rounds)
        for callers in (1, 16):
            async with open_house(Path(folder) / f"refresh-{callers}", refreshes_at_once=1_000_000) as house:
                key = RSAKey.import_key((house.store.keys / FILE).read_bytes())
                peer = await Peer.open(Path(folder) / f"peer-{callers}.db", key)
                try:
                    await refreshes(house, peer, callers, max(1, count // callers), rounds)
                finally:
                    await peer.close()
        async with open_site(Path(folder) / "kill") as site:
            await kill(site, grants, streams)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--tokens", type=int, default=1000)
    arguments.add_argument("--count", type=int, default=160)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--grants", type=int, default=1000)
    arguments.add_argument("--streams", type=int, default=200)
    asked = arguments.parse_args()
    asyncio.run(main(asked.tokens, asked.count, asked.rounds, asked.grants, asked.streams))
