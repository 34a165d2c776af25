"""A watched market whose metrics a test samples by hand, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.measured import MeasuredRoom
from tests.worlds.server import Cluster


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def measured(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MeasuredRoom]:
    """One room for the tests of a module: each makes something happen and looks at the difference."""
    folder: Path = tmp_path_factory.mktemp("measured") / "data"
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgresql")
        cluster.prepare(folder)
    found = MeasuredRoom(folder)
    yield found
    found.close()
