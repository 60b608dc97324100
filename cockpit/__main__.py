"""The command ``cockpit``, as a script and as ``python -m cockpit``."""

from __future__ import annotations

from cockpit.cli.main import cockpit


def main() -> None:
    """Run the command line; ends the process with its exit code."""
    cockpit(prog_name="cockpit")


if __name__ == "__main__":
    main()
