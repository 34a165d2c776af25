"""One running system for the journeys that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.worlds.system import System, running


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("a folder with spaces") / "data") as found:
        yield found
