"""A watch that a test turns by hand, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.watched import Room


@pytest.fixture
def room(data: Path) -> Iterator[Room]:
    """The room, closed at the end."""
    found = Room(data)
    yield found
    found.close()
