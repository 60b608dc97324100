from __future__ import annotations

import pytest

from tests.conformance.suite import Suite, install


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """The official suite, installed once."""
    return install(tmp_path_factory.mktemp("conformance"))
