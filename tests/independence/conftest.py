"""A test here takes one guarding rule out of the market's code; the watch must see what follows from that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.unguarded import Unguarded


@pytest.fixture
def unguarded(data: Path) -> Iterator[Unguarded]:
    found = Unguarded(data)
    yield found
    found.world.close()
