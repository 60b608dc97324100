"""What an act takes before it is carried out: the right face, and a code of the operator's authenticator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cockpit.desk.switch import Switch
from cockpit.model.identity import WRITE_SCOPES, Scope, scopes_of
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.trading import TradingState
from cockpit.operator.act import SCREEN, Act, Danger, Kind, TotpDue, When, danger_of
from cockpit.settings.model import ControlSettings
from oauth.totp import Totp


@dataclass(frozen=True, slots=True)
class Before:
    """What an act meets."""

    enrolled: bool
    """Whether the operator has an authenticator."""
    stopped: bool
    """Whether the switch stands anywhere but RUNNING."""
    at_screen: bool
    """Whether the act comes from the screen that is attached to the operator's terminal."""


def adds_risk(act: Act, arguments: Mapping[str, str], before: Before) -> bool:
    """Whether an act adds risk with these arguments, now: resuming what runs adds none."""
    if act.when is When.STOPPED and not before.stopped:
        return False
    return danger_of(act, arguments) is not Danger.SAFE


def given_scopes(act: Act, arguments: Mapping[str, str]) -> frozenset[Scope]:
    """Return the scopes that an act would give to somebody."""
    giving = act.adds_risk_with or tuple(argument.name for argument in act.arguments)
    kinds = {argument.name: argument.kind for argument in act.arguments}
    texts = (arguments.get(name, "") for name in giving if kinds.get(name) is Kind.SCOPES)
    return frozenset(scope for text in texts for scope in scopes_of(text))


def needs_code(act: Act, arguments: Mapping[str, str], before: Before) -> bool:
    """Whether an act takes a code of the operator's authenticator."""
    if not before.enrolled:
        return False
    if act.totp is TotpDue.ALWAYS:
        return True
    if not adds_risk(act, arguments, before):
        return False
    if not before.at_screen or act.totp is TotpDue.FOR_RISK:
        return True
    return act.totp is TotpDue.FOR_WRITES and bool(given_scopes(act, arguments) & WRITE_SCOPES)


class Guard:
    """Stands before every act of every face: screen, prompt and socket."""

    def __init__(self, totp: Totp, switch: Switch, control: ControlSettings) -> None:
        self._totp = totp
        self._switch = switch
        self._only_screen = control.approvals == "screen"

    async def refusal(self, act: Act, arguments: Mapping[str, str], by: str, code: str) -> Refusal | None:
        """Use up the code where one is due; return why the act isn't carried out, or None."""
        before = Before(self._totp.enrolled, self._switch.state is not TradingState.RUNNING, by == SCREEN)
        risky = adds_risk(act, arguments, before) or act.totp is TotpDue.ALWAYS
        if self._only_screen and risky and not act.only_closes and not before.at_screen:
            return refuse("SCREEN_ONLY", act=act.command)
        if not needs_code(act, arguments, before):
            return None
        if not code:
            return refuse("TOTP_NEEDED", act=act.command)
        return await self._totp.check(code, by, act.name)
