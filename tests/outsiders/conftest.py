from __future__ import annotations

from pathlib import Path

import pytest

from tests import node


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the clients of others are installed, once."""
    pinned = Path(__file__).parent / "node"
    return node.install(pinned, tmp_path_factory.mktemp("outsiders"), "Inspector and mcp-remote")
