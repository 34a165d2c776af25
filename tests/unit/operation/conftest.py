"""Every detector over a market, turned by hand, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.detecting import Post


@pytest.fixture
def post(data: Path) -> Iterator[Post]:
    """The post, closed at the end."""
    found = Post(data)
    yield found
    found.close()
