"""A market on the tests' own server, for what only exists there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import Market
from tests.worlds.server import Cluster


@pytest.fixture
def folder(postgresql: Cluster, tmp_path: Path) -> Path:
    data = tmp_path / "data"
    postgresql.prepare(data)
    return data


@pytest.fixture
def market(folder: Path) -> Iterator[Market]:
    found = Market(folder)
    yield found
    found.close()
