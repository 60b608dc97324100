"""Writes what the pages of docs/ take from the code: the keys and commands from the acts, the settings from their model,
the security cases from their tests.

    python docs/make.py           writes
    python docs/make.py --check   says which page is not current, and fails

Each page holds its own text; only what stands between a pair of marks is replaced.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from mcp_types import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    UNSUPPORTED_PROTOCOL_VERSION,
)

from cockpit.desk.risk import CHECKS
from cockpit.desk.risk.verdicts import Check, OnClose
from cockpit.model.refusals import REFUSALS, Mender
from cockpit.operator.act import Act, Argument, Danger, TotpDue
from cockpit.operator.acts import ACTS
from cockpit.settings.describe import EACH, Key, keys
from cockpit.settings.policy import LIVE_DEFAULTS, TIGHTENS, PolicySettings, limit_words
from server.transport.answering import DEAD
from server.transport.wire import REQUEST_CANCELLED, error_status
from tui.screen_acts import KNOWN
from tui.themes import shipped

FOLDER: Final = Path(__file__).parent
TESTS: Final = FOLDER.parent / "tests"
_CASE: Final = re.compile(r"test_(T\d\d)_(\w+)")
_MARKS: Final = re.compile(r"(<!-- made: (?P<name>[a-z]+) -->\n).*?(<!-- made: end -->)", re.DOTALL)
MENDERS: Final[Mapping[Mender, str]] = {
    Mender.CLIENT: "Change the call, or wait, as the message says.",
    Mender.OPERATOR: "Tell your user; the human at the cockpit decides. Don't try around it.",
    Mender.BROKER: "The broker or its data has to change; ask again later where `retryable` says so.",
    Mender.HOST: "The computer that the cockpit runs on; ask again where `retryable` says so, else tell your user.",
    Mender.NOBODY: "Nothing changes it.",
}
_ON_CLOSE: Final[Mapping[OnClose, str]] = {
    OnClose.REFUSES: "",
    OnClose.REFUSES_KNOWN: "what is unknown warns",
    OnClose.WARNS: "warns",
    OnClose.SKIPPED: "skipped",
}
PROTOCOL: Final[Mapping[int, str]] = {
    PARSE_ERROR: "The body is no JSON.",
    INVALID_REQUEST: "The body is no single JSON-RPC message, its session is unknown, or a refusal outside a tool: its"
    " `data` is the object above.",
    METHOD_NOT_FOUND: "There is no such method.",
    INVALID_PARAMS: "The parameters don't fit the method, or there is no tool, prompt or resource of that name.",
    INTERNAL_ERROR: "Something went wrong here; the host's log has the details, the answer has none of them. From"
    " `cockpit stdio` also: no cockpit answered, and `data` is the object above.",
    HEADER_MISMATCH: "A routing header is missing, doubled, or says something else than the body.",
    UNSUPPORTED_PROTOCOL_VERSION: "That version isn't served; `data.supported` lists those that are.",
    REQUEST_CANCELLED: "The client called the request off itself.",
}
_ASKS: Final = {Danger.SAFE: "", Danger.TWO_STEPS: "asks", Danger.TYPED: "asks for a word"}


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Write a table in Markdown."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def keys_table() -> str:
    """Every key that belongs to an act."""
    rows = [(f"`{act.key}`", act.help, act.when.value, _ASKS[act.danger]) for act in KNOWN.values() if act.key]
    return table(("key", "what it does", "where", "before it acts"), rows)


def commands() -> str:
    """Every command that belongs to an act, with its arguments."""
    parts = []
    for act in ACTS.values():
        parts.append(f"### `cockpit {_usage(act)}`\n\n{act.help}.{_danger(act)}{_totp(act)}\n")
        if act.arguments:
            rows = [(f"`{_spelled(argument)}`", argument.help) for argument in act.arguments]
            parts.append(table(("argument", "what it is"), rows))
    return "\n".join(parts)


def refusals() -> str:
    """Every code of a refusal, and how it is said where that isn't the result of a tool."""
    rows = [
        (f"`{kind.code}`", kind.message, kind.who.value, "yes" if kind.retryable else "no", _said(kind.code))
        for kind in REFUSALS.values()
    ]
    return table(("code", "message", "who can fix", "retryable", "how it is said"), rows)


def menders() -> str:
    """Everybody who can mend a refusal, with how many codes wait for them."""
    rows = [
        (f"`{who.value}`", MENDERS[who], str(sum(kind.who is who for kind in REFUSALS.values())))
        for who in Mender
        if any(kind.who is who for kind in REFUSALS.values())
    ]
    return table(("who_can_fix", "what that means for a program", "codes"), rows)


def protocol() -> str:
    """The errors of JSON-RPC, with the HTTP status that each has in the stateless era."""
    rows = [(f"`{code}`", PROTOCOL[code], str(error_status(code))) for code in sorted(PROTOCOL, reverse=True)]
    return table(("code", "when", "HTTP status, 2026-07-28"), rows)


def settings() -> str:
    """Every setting, by table of the file."""
    sections: dict[str, list[Key]] = {}
    for key in keys():
        sections.setdefault(".".join(key.path[:-1]), []).append(key)
    parts = []
    for section, members in sections.items():
        if section == "clients.NAME.policy":
            parts.append(f"### `[{section}]`\n\nThe keys of `[connections.NAME.policy]`. Each may only tighten.\n")
            continue
        rows = [
            (f"`{key.path[-1]}`", key.purpose, ", ".join(part for part in (key.kind, key.bounds) if part), _code(key))
            for key in members
        ]
        head = f"### `{_head(section)}`\n" if section else "### At the top of the file\n"
        parts.append(f"{head}\n{table(('key', 'what it is for', 'what is allowed', 'default'), rows)}")
    return "\n".join(parts)


def checks() -> str:
    """Every check of an order, in the order in which they run."""
    rows = [
        (
            one.row,
            f"`{one.code}`",
            _sentence(one),
            ", ".join(f"`{name}`" for name in one.parameters),
            _ON_CLOSE[one.on_close],
            one.source,
        )
        for one in CHECKS
    ]
    return table(("row", "code", "what must hold", "limits", "closing by hand", "after"), rows)


def limits() -> str:
    """Every limit of the policy with both defaults, and which way it tightens."""
    rows = []
    for name, field in PolicySettings.model_fields.items():
        paper = limit_words(field.default)
        live = limit_words(LIVE_DEFAULTS.get(name, field.default))
        rows.append((f"`{name}`", field.description or "", paper, live if live != paper else "", TIGHTENS[name].value))
    return table(("limit", "what it is", "default", "where money is real", "stricter is"), rows)


def cases() -> str:
    """Every numbered test of a security case that says by its docstring what is tried; its name says what happens."""
    rows = []
    for path in sorted(TESTS.rglob("test_*.py")):
        where = path.relative_to(TESTS.parent).as_posix()
        for test in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found = _CASE.fullmatch(test.name) if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef) else None
            tried = found and ast.get_docstring(test)  # type: ignore[arg-type]
            if found and tried:
                happens = found[2].replace("_", " ")
                rows.append(
                    (
                        found[1],
                        " ".join(tried.split()),
                        f"{happens[0].upper()}{happens[1:]}.",
                        f"[{path.stem[5:]}](../{where})",
                    )
                )
    return table(("case", "what is tried", "what happens", "test"), sorted(rows, key=lambda row: row[0]))


def themes() -> str:
    """Every theme that comes with the cockpit, with its picture; as many beside each other as a page is wide for."""
    images = (
        f'<img src="pictures/theme-{one.name}.svg" width="49%" alt="{one.name}" title="{one.name}">'
        for one in shipped()
    )
    return "".join(f"{image}\n" for image in images)


MADE: Final[Mapping[str, Callable[[], str]]] = {
    "keys": keys_table,
    "commands": commands,
    "refusals": refusals,
    "menders": menders,
    "protocol": protocol,
    "settings": settings,
    "checks": checks,
    "limits": limits,
    "cases": cases,
    "themes": themes,
}


def made(text: str) -> str:
    """Return a page with every marked part made anew. KeyError names a mark that means nothing."""
    return _MARKS.sub(lambda found: f"{found[1]}{MADE[found['name']]()}{found[3]}", text)


def main(check: bool) -> int:
    """Write the pages, or check them; return the exit code."""
    stale = []
    for page in sorted(FOLDER.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if made(text) != text:
            stale.append(page.name)
            if not check:
                page.write_text(made(text), encoding="utf-8")
    for name in stale:
        sys.stdout.write(f"{name} {'is not current: make docs' if check else 'written'}\n")
    return int(check and bool(stale))


def _said(code: str) -> str:
    """Say how a refusal reaches a client where it isn't a tool's result alone."""
    if code in DEAD:
        return f"HTTP 401 with a challenge; JSON-RPC {INVALID_REQUEST}"
    if code == "SCOPE_MISSING":
        return (
            f"signed-in clients: HTTP 403 with a challenge, JSON-RPC {INVALID_REQUEST}; all others: result of the tool"
        )
    if code in {"UNKNOWN_TOOL", "PROMPT_UNKNOWN", "CURSOR_UNKNOWN"}:
        return f"JSON-RPC {INVALID_PARAMS}"
    if code == "RESOURCE_UNKNOWN":
        return f"JSON-RPC {INVALID_PARAMS}, and -32002 up to 2025-11-25; its `data` names the `uri` too"
    if code == "WATCH_LIMIT":
        return f"JSON-RPC {INVALID_REQUEST}"
    return ""


def _head(section: str) -> str:
    plain = section.replace(f".{EACH}", "")
    return f"[[{plain}]]" if section.endswith(EACH) else f"[{plain}]"


def _usage(act: Act) -> str:
    positional = " ".join(argument.name.upper() for argument in act.arguments if argument.required)
    return f"{act.command} {positional}".strip()


def _spelled(argument: Argument) -> str:
    return argument.name.upper() if argument.required else f"--{argument.name.replace('_', '-')}"


def _danger(act: Act) -> str:
    if act.danger is Danger.SAFE:
        return ""
    asks = f"Asks you to type {act.word}" if act.word else "Asks back"
    only = f" where {' or '.join(_risk(one) for one in act.adds_risk_with)}" if act.adds_risk_with else ""
    return f" {asks}{only}, unless `--yes`."


def _totp(act: Act) -> str:
    if act.totp is TotpDue.ALWAYS:
        return " Takes a code of the authenticator that is enrolled."
    if act.danger is Danger.SAFE or act.totp is TotpDue.OVER_SOCKET:
        return ""
    writes = ", for scopes that write" if act.totp is TotpDue.FOR_WRITES else ""
    return f" Takes a code at the screen too{writes}."


def _risk(adds: str) -> str:
    name, _, value = adds.partition("=")
    return f"{name.upper()} is {value}" if value else f"--{name} is given"


def _sentence(check: Check) -> str:
    return (
        f"{check.says} *Shown, never refused.*" if check.advisory and "never refused" not in check.says else check.says
    )


def _code(key: Key) -> str:
    return f"`{key.default}`" if key.default else ""


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
