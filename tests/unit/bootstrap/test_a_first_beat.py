"""A process beats as soon as it can: until then the supervisor has far more patience with it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from tests.waiting import until
from watchkeeper.bootstrap import beat


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def _heard(reader: int) -> bytes:
    try:
        return os.read(reader, 64)
    except BlockingIOError:
        return b""


def test_the_first_beat_does_not_wait_for_its_turn(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CI froze a watch between its first look and its first beat: it was left to hold the store for two minutes."""
    reader, writer = pipe
    monkeypatch.setattr(beat, "BEAT_SECONDS", 3600.0)
    asked, looked = threading.Event(), threading.Event()

    def alive() -> bool:
        asked.set()
        return looked.is_set()

    beating = beat.Beat(writer, alive=alive, on_orphaned=lambda: None)
    beating.start()
    try:
        assert asked.wait(60)
        assert _heard(reader) == b"", "nothing was looked at yet"
        looked.set()
        until(lambda: _heard(reader), seconds=60, what="it has beaten")
    finally:
        beating.stop()
