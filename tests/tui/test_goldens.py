"""The screen as plain text, compared with files. ``COCKPIT_GOLDENS=write`` writes them anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rich.cells import cell_len

from cockpit.model.screen import ScreenSettings
from cockpit.model.text import safe
from cockpit.model.trading import Mode, TradingState, TradingSwitch
from tests.tui.fake_face import NOW, FakeFace, audited_face, away, busy_face, connection, troubled_face
from tests.tui.screens import seated
from tests.tui.test_closing import holding

GOLDENS = Path(__file__).parent / "goldens"


def quiet_face() -> FakeFace:
    face = busy_face()
    face.seen = replace(face.seen, pending_clients=(), pending_orders=(), recent=(), clients=())
    return face


def closing_face() -> FakeFace:
    return holding(closed_by_others="5")


def killed_face() -> FakeFace:
    face = quiet_face()
    face.seen = replace(face.seen, switch=TradingSwitch(TradingState.KILLED, NOW, safe("operator")))
    return face


def away_face() -> FakeFace:
    return away(busy_face())


def live_face() -> FakeFace:
    """Real money that is not armed, beside a paper account."""
    face = busy_face()
    real = connection("paper", Mode.LIVE, broker="ibkr", account="U7654821")
    face.seen = replace(face.seen, connections=(real, connection("training")))
    return face


def armed_face() -> FakeFace:
    """Real money that is armed for three hours more."""
    face = live_face()
    real, training = face.seen.connections
    armed = replace(real, armed_until=NOW + timedelta(hours=3))
    face.seen = replace(face.seen, connections=(armed, training))
    return face


def armed_trouble() -> FakeFace:
    """Everything that must not be overlooked at once."""
    face = away(troubled_face())
    face.seen = replace(face.seen, connections=armed_face().seen.connections)
    return face


SCREENS = [
    ("main-80x24", busy_face, (80, 24), (), False),
    ("main-120x36", busy_face, (120, 36), (), False),
    ("main-160x45", busy_face, (160, 45), (), False),
    ("main-50x14", busy_face, (50, 14), (), False),
    ("main-ascii-80x24", busy_face, (80, 24), (), True),
    ("quiet-80x24", quiet_face, (80, 24), (), False),
    ("killed-80x24", killed_face, (80, 24), (), False),
    ("question-80x24", busy_face, (80, 24), ("j", "j", "a"), False),
    ("order-80x24", busy_face, (80, 24), ("j", "j", "enter"), False),
    ("client-80x24", busy_face, (80, 24), ("j", "a", *"kwmrtb", "enter"), False),
    ("clients-80x24", busy_face, (80, 24), ("c",), False),
    ("orders-80x24", busy_face, (80, 24), ("o",), False),
    ("positions-80x24", busy_face, (80, 24), ("p",), False),
    ("close-80x24", closing_face, (80, 24), ("p", "x"), False),
    ("trouble-80x24", troubled_face, (80, 24), ("j",), False),
    ("trouble-160x45", troubled_face, (160, 45), ("j", "j"), False),
    ("group-80x24", troubled_face, (80, 24), ("j", "j", "enter"), False),
    ("group-question-80x24", troubled_face, (80, 24), ("j", "j", "a"), False),
    ("reason-80x24", busy_face, (80, 24), ("j", "k", "D", *"toobig"), False),
    ("unknown-80x24", troubled_face, (80, 24), ("o",), False),
    ("limits-80x24", troubled_face, (80, 24), ("l",), False),
    ("limits-120x36", troubled_face, (120, 36), ("l",), False),
    ("notices-80x24", troubled_face, (80, 24), ("n",), False),
    ("trouble-ascii-80x24", troubled_face, (80, 24), ("l",), True),
    ("away-80x24", away_face, (80, 24), (), False),
    ("records-80x24", audited_face, (80, 24), ("u",), False),
    ("records-120x36", audited_face, (120, 36), ("u",), False),
    ("record-80x24", audited_face, (80, 24), ("u", "enter"), False),
    ("sessions-80x24", audited_face, (80, 24), ("h",), False),
    ("connections-80x24", troubled_face, (80, 24), ("b",), False),
    ("always-80x24", busy_face, (80, 24), ("j", "j", "enter", "A"), False),
    ("palette-80x24", busy_face, (80, 24), ("ctrl+p", *"cli"), False),
    ("completing-80x24", busy_face, (80, 24), ("colon", *"revoke", "space", "c"), False),
    ("call-120x36", audited_face, (120, 36), ("tab", "j"), False),
    ("call-160x45", audited_face, (160, 45), ("tab", "j"), False),
    ("scopes-80x24", busy_face, (80, 24), ("c", "s", "j", "space"), False),
    ("live-80x24", live_face, (80, 24), (), False),
    ("live-order-80x24", live_face, (80, 24), ("j", "j", "enter"), False),
    ("live-client-80x24", live_face, (80, 24), ("j", "a", *"kwmrtb", "enter"), False),
    ("live-connections-80x24", live_face, (80, 24), ("b",), False),
    ("armed-80x24", armed_face, (80, 24), (), False),
    ("armed-120x36", armed_face, (120, 36), ("j", "j"), False),
    ("armed-50x14", armed_face, (50, 14), (), False),
    ("armed-ascii-80x24", armed_face, (80, 24), ("b",), True),
    ("armed-order-80x24", armed_face, (80, 24), ("j", "j", "enter"), False),
    ("armed-client-80x24", armed_face, (80, 24), ("j", "a", *"kwmrtb", "enter"), False),
    ("armed-connections-80x24", armed_face, (80, 24), ("b",), False),
    ("armed-trouble-80x24", armed_trouble, (80, 24), (), False),
    ("help-80x24", busy_face, (80, 24), ("question_mark",), False),
]


@pytest.mark.parametrize(("name", "face", "size", "keys", "ascii_only"), SCREENS, ids=[row[0] for row in SCREENS])
async def test_the_screen_looks_as_agreed(
    name: str, face: Callable[[], FakeFace], size: tuple[int, int], keys: tuple[str, ...], ascii_only: bool
) -> None:
    async with seated(face(), size, ScreenSettings(ascii=ascii_only)) as seat:
        await seat.press(*keys, after=0.01 if len(keys) > 3 else 0.5)
        rows = seat.rows()
    assert all(cell_len(row) <= size[0] for row in rows)
    assert not ascii_only or "\n".join(rows).isascii()
    text = "\n".join(rows) + "\n"
    path = GOLDENS / f"{name}.txt"
    if os.environ.get("COCKPIT_GOLDENS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


async def test_a_picture_of_the_screen_holds_no_address_to_load_from() -> None:
    async with seated(busy_face()) as seat:
        picture = seat.picture()
    assert "SELL&#160;20&#160;NOVA" in picture
    assert picture.count("url(") == picture.count("url(#")
    assert {part.split('"')[0] for part in picture.split("http")[1:]} == {"://www.w3.org/2000/svg"}
