"""Plants faults and tells which of them no test notices, but for those that `explained` says nobody could.

    python -m tests.mutants [--jobs N] CODE... -- TEST...

CODE is a file or a folder below the working folder, TEST what pytest takes. Each fault runs in a process of its own,
forked once everything but the code under test is imported.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Final

import hypothesis
import pytest

from tests.mutants.explained import EXPLAINED
from tests.mutants.plant import Fault, faults

_SECONDS: Final = 15
"""How long one test may take; a fault that lets it take longer has been noticed."""
_FLOORS: Final = ("cockpit.model", "cockpit.settings", "cockpit.store", "cockpit.brokers", "oauth", "cockpit.desk")
_HOUSE: Final = frozenset({"cockpit", "oauth", "server", "tools", "tui", "tests"})


class _Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from other code than that of its file."""

    def __init__(self, name: str, file: Path, code: str) -> None:
        self._name = name
        self._file = file
        self._code = code

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name != self._name:
            return None
        is_package = self._file.name == "__init__.py"
        spec = importlib.util.spec_from_loader(name, self, origin=str(self._file), is_package=is_package)
        if spec is not None and is_package:
            spec.submodule_search_locations = [str(self._file.parent.resolve())]
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._code, str(self._file), "exec"), module.__dict__)


class _Impatient:
    """Ends the process in the middle of a test that takes too long."""

    def pytest_runtest_logstart(self) -> None:
        signal.alarm(_SECONDS)


def _run(file: Path, fault: Fault, tests: Sequence[str]) -> int:
    """Run the tests with a fault in a forked process; return its id."""
    child = os.fork()
    if child:
        return child
    os.setpgid(0, 0)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    parts = file.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    sys.meta_path.insert(0, _Planted(name, file, fault.code))
    hypothesis.settings.register_profile("mutants", database=None, derandomize=True)
    hypothesis.settings.load_profile("mutants")
    os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests], [_Impatient()])))


def _passes(file: Path, unharmed: Fault, tests: Sequence[str]) -> bool:
    return os.waitstatus_to_exitcode(os.waitpid(_run(file, unharmed, tests), 0)[1]) == 0


def _warm_up(files: Sequence[Path], tests: Sequence[str]) -> None:
    """Import what every run needs and no fault can be in: everything but the house from the lowest changed floor up."""
    with redirect_stdout(io.StringIO()):
        pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *tests])
    changed = [".".join(file.with_suffix("").parts) for file in files]
    lower = [floor for floor in _FLOORS if not any(name.startswith(floor) for name in changed)]
    lowest = min((_FLOORS.index(floor) for floor in _FLOORS if floor not in lower), default=len(_FLOORS))
    kept = tuple(_FLOORS[:lowest])
    for name in list(sys.modules):
        if name.split(".")[0] in _HOUSE and not name.startswith(kept) and name != "cockpit" and "mutants" not in name:
            del sys.modules[name]


def main(code: Sequence[str], tests: Sequence[str], jobs: int) -> int:
    """Run every fault; print those that nothing noticed; return 1 where there is one."""
    files = [file for one in code for file in ([Path(one)] if Path(one).is_file() else sorted(Path(one).rglob("*.py")))]
    _warm_up(files, tests)
    waiting = [(file, fault) for file in files for fault in faults(file)]
    unharmed = Fault(0, "none", files[0].read_text(encoding="utf-8"))
    if not _passes(files[0], unharmed, tests):
        print("the tests fail without any fault")
        return 2
    began, total = time.monotonic(), len(waiting)
    running: dict[int, tuple[Path, Fault]] = {}
    survived: list[tuple[Path, Fault]] = []
    endless = explained = 0
    waiting.reverse()
    while waiting or running:
        while waiting and len(running) < jobs:
            file, fault = waiting.pop()
            running[_run(file, fault, tests)] = (file, fault)
        child, status = os.wait()
        file, fault = running.pop(child)
        endless += os.waitstatus_to_exitcode(status) == -signal.SIGALRM
        noticed = os.waitstatus_to_exitcode(status) != 0
        if (str(file), fault.what) in EXPLAINED:
            explained += 1
            if noticed:
                print(f"{file}:{fault.line}: {fault.what}: explained, but noticed", flush=True)
        elif not noticed:
            survived.append((file, fault))
            print(f"{file}:{fault.line}: {fault.what}", flush=True)
    if not _passes(files[0], unharmed, tests):
        print("the tests fail without any fault by now: something was changed meanwhile, and nothing is shown")
        return 2
    took = f"{time.monotonic() - began:.0f} s"
    print(f"{total} faults, {len(survived)} unnoticed, {explained} explained, {endless} stopped as endless, {took}")
    return int(bool(survived))


if __name__ == "__main__":
    said = sys.argv[1:]
    most = 2
    if said[:1] == ["--jobs"]:
        most, said = int(said[1]), said[2:]
    at = said.index("--")
    sys.exit(main(said[:at], said[at + 1 :], most))
