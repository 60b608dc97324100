"""``python -m cockpit.cli.demo_client --url URL``: connect, trade, and start again with a new consent when it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Final

import click
from aiohttp import ClientError
from httpx2 import HTTPError
from mcp.client.auth import OAuthFlowError
from mcp.shared.exceptions import MCPError

from cockpit.cli.demo_client.endings import Consent, Ended
from cockpit.cli.demo_client.report import Report, StdoutReport, speechless
from cockpit.cli.demo_client.session import connect
from cockpit.cli.demo_client.trader import Pace, Trader

DENIED: Final = 30.0
ENDED: Final = 15.0
FAILED: Final = 5.0
_EXPECTED: Final = (Consent, Ended, OAuthFlowError, MCPError, HTTPError, ClientError, OSError, ValueError)


async def run(url: str, report: Report, pace: float = 1) -> None:
    """Connect and trade for ever, with a pause and a new consent after each end. ``pace`` stretches every pause."""
    while True:
        try:
            async with connect(url, report) as session:
                report.event("connected", "the operator let it in")
                await Trader(session, report, Pace().times(pace)).run()
        except* _EXPECTED as ended:
            event, text, pause = why(ended)
        else:
            event, text, pause = "ended", "the session closed", FAILED
        report.event(event, text)
        await asyncio.sleep(pause * pace)


def why(ended: BaseExceptionGroup) -> tuple[str, str, float]:
    """Say why a connection ended, and how long to stay away."""
    causes = list(_causes(ended))
    for cause in causes:
        if isinstance(cause, Consent):
            return "denied", str(cause), DENIED
    for cause in causes:
        if isinstance(cause, Ended):
            return "ended", str(cause), ENDED
        if isinstance(cause, OAuthFlowError):
            return "turned_away", str(cause), ENDED
    cause = causes[0]
    return "failed", f"{type(cause).__name__}: {cause}", FAILED


def _causes(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _causes(part)
        return
    yield error
    for below in (error.__cause__, error.__context__):
        if below is not None and below is not error:
            yield from _causes(below)


@click.command()
@click.option("--url", required=True, help="Address of the cockpit's MCP endpoint.")
@click.option("--pace", type=click.FloatRange(0.01, 100), default=1.0, help="Stretches every pause of the client.")
def main(url: str, pace: float) -> None:
    """Be a small AI client; report on stdout, one JSON object a line."""
    logging.disable(logging.CRITICAL)  # the SDK logs what is news to nobody here
    try:
        asyncio.run(run(url, StdoutReport(), pace))
    except* BrokenPipeError:
        speechless()
    except* KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
