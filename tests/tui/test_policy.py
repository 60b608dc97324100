"""The place of limits: every limit with its value and where it comes from, every rule, the switch, and what is latched."""

from __future__ import annotations

from dataclasses import replace

from cockpit.model.refusals import refuse
from cockpit.model.screen import ScreenSettings
from cockpit.operator.act import Answer, Command, Done
from tests.tui.fake_face import FakeFace, troubled_face
from tests.tui.screens import Seat, seated
from tui.policy import looks_for, policy_of

OWN = [
    {"connection": "paper", "limit": "max_notional", "value": "50000", "file": "50000", "set_by_you": False},
    {"connection": "paper", "limit": "max_quantity", "value": "50", "file": "100", "set_by_you": True},
    *(
        {"connection": "paper", "limit": f"limit_{number}", "value": "1", "file": "1", "set_by_you": False}
        for number in range(30)
    ),
]
RULES = [
    {"place": 1, "name": "small", "do": "approve", "on": True, "when": "max_notional 100"},
    {"place": 2, "name": "night", "do": "deny", "on": False, "when": "hours 22-6"},
]


class PolicyFace(FakeFace):
    """Answers as a host does whose client claude has a limit of its own."""

    async def run(self, command: Command) -> Answer:
        self.commands.append(command)
        if command.act == "rules":
            return Done("2 rules.", RULES)
        if command.act == "limits" and command.arguments.get("client") == "claude":
            tighter = {**OWN[0], "value": "10000"}
            return Done("Limits.", {"limits": [tighter, *OWN[1:]], "latches": [], "left": []})
        if command.act == "limits":
            return Done("Limits.", {"limits": OWN, "latches": [], "left": []})
        return self.answers.get(command.act, Done(f"done: {command.act}"))


def policy_face() -> PolicyFace:
    return PolicyFace(troubled_face().seen)


async def whole(seat: Seat) -> str:
    """Read the place from its beginning to its end."""
    pages = [seat.text]
    for _ in range(12):
        await seat.press("pagedown", after=0.01)
        pages.append(seat.text)
    return "\n".join(pages)


async def test_every_limit_says_its_value_and_where_it_comes_from() -> None:
    async with seated(policy_face()) as seat:
        await seat.press("l")
        await seat.settle()
        text = await whole(seat)
        rows = [" ".join(row.split()) for row in text.splitlines()]
        assert "max_notional 50000 settings" in rows
        assert "max_quantity 50 you; settings say 100" in rows
        assert any("OTHERWISE for claude on paper" in row for row in rows)
        assert "max_notional 10000 settings, for this client" in rows
        assert "limit_29 1 settings" in rows
        assert not any("OTHERWISE for codex-cli" in row for row in rows)


async def test_rules_latches_and_the_switch_stand_beside_the_limits() -> None:
    async with seated(policy_face()) as seat:
        await seat.press("l")
        await seat.settle()
        text = await whole(seat)
        assert "trading ▲ RUNNING since" in text
        assert "DAILY LOSS" in text
        assert "until released: r, then y" in text
        rows = [" ".join(row.split()) for row in text.splitlines()]
        assert "on small approve max_notional 100" in rows
        assert "off night deny hours 22-6" in rows
        assert any(row.startswith("RULES 2") and "1 off" in row for row in rows)


async def test_what_is_changed_from_there_is_shown_as_it_is_then() -> None:
    face = policy_face()
    async with seated(face) as seat:
        await seat.press("l")
        await seat.settle()
        looks = len(face.commands)
        await seat.type(":rules off small")
        await seat.press("enter")
        await seat.settle()
        acts = [command.act for command in face.commands[looks:]]
        assert acts[0] == "rules.off"
        assert acts[-1] == "rules"


async def test_a_screen_that_only_looks_sees_it_all() -> None:
    async with seated(policy_face(), settings=ScreenSettings(read_only=True)) as seat:
        await seat.press("l")
        await seat.settle()
        assert "max_notional" in await whole(seat)


async def test_what_could_not_be_asked_is_told() -> None:
    face = troubled_face()
    face.answers["limits"] = refuse("NO_ANSWER")
    async with seated(face) as seat:
        await seat.press("l")
        await seat.settle()
        assert "NO_ANSWER" in await whole(seat)


def test_what_is_no_table_is_passed_over_and_what_comes_is_harmless() -> None:
    odd = [("", Command("limits"), Done("", data)) for data in (None, [], {"limits": 5}, {"limits": ["x"]})]
    assert policy_of(odd, "").limits == ()
    evil = policy_of([("", Command("rules"), Done("", [{"name": "\x1b[31mx", "on": True}]))], "")
    assert "\x1b" not in evil.rules[0].name


def test_every_client_is_asked_about_once_and_not_too_many() -> None:
    seen = troubled_face().seen
    assert [client for client, _ in looks_for(seen)].count("claude") == 1
    crowd = tuple(replace(seen.clients[0], client=f"c{number}") for number in range(100))  # type: ignore[arg-type]
    assert len(looks_for(replace(seen, clients=crowd))) == 22
