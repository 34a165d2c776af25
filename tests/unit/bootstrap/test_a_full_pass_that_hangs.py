"""The child for full passes, hung before or in the middle of one, is ended and begun anew; one that goes on is let be."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import until
from tests.worlds.books import TurnableClock
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.bootstrap import setup
from watchkeeper.bootstrap.watch import FullPassChild
from watchkeeper.operation import store
from watchkeeper.operation.verifier import passes


class Frozen:
    """A child that stands still, and a pass that somebody asked for."""

    def __init__(self, data: Path) -> None:
        self.clock = TurnableClock()
        setup.create(data, clock=self.clock)
        self.database: SqliteDatabase = store.open_store(data)
        self.child = FullPassChild(data)
        self.child.keep_alive()
        self.pid = self.child.pid()
        assert self.pid is not None
        os.kill(self.pid, signal.SIGSTOP)
        self.asked = self.ask()

    def ask(self) -> int:
        with self.database.transaction("write"):
            return passes.ask(self.database, reason="the test asks", at=self.clock.now())

    def claim(self) -> None:
        with self.database.transaction("write"):
            passes.claim(self.database, boot=self.clock.boot(), at=self.clock.now())

    def looked_at_after(self, seconds: float) -> None:
        self.clock.boot_offset_seconds += seconds
        self.child.end_if_stuck(passes.next_to_end(self.database), clock=self.clock)

    def close(self) -> None:
        self.child.stop()
        self.database.close()


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[Frozen]:
    found = Frozen(tmp_path / "data")
    yield found
    found.close()


def test_a_pass_that_falls_silent_is_ended_and_another_child_runs_the_next(frozen: Frozen) -> None:
    frozen.claim()
    frozen.looked_at_after(0)
    frozen.looked_at_after(299)
    assert frozen.child.pid() == frozen.pid, "it was given its time"
    frozen.looked_at_after(2)
    assert frozen.child.pid() is None
    frozen.ask()
    frozen.child.wake()
    assert frozen.child.pid() != frozen.pid
    until(lambda: passes.next_to_end(frozen.database) is None, what="the next pass")
    assert frozen.database.one("SELECT outcome FROM full_passes ORDER BY id LIMIT 1") == ("not finished",)


def test_a_pass_that_goes_on_without_coming_further_in_numbers_is_let_be(frozen: Frozen) -> None:
    # What looks for rows that nobody sealed, and what replays accounts, has many slices at one and the same number.
    frozen.claim()
    frozen.looked_at_after(0)
    for _ in range(5):
        frozen.looked_at_after(200)
        with frozen.database.transaction("write"):
            passes.advance(frozen.database, frozen.asked, done=7, upto=9, boot=frozen.clock.boot())
    frozen.looked_at_after(200)
    assert frozen.child.pid() == frozen.pid
    frozen.looked_at_after(301)
    assert frozen.child.pid() is None


def test_a_child_that_hangs_before_it_begins_is_ended_as_well(frozen: Frozen) -> None:
    frozen.child.wake()
    frozen.looked_at_after(0)
    frozen.looked_at_after(301)
    frozen.child.keep_alive()
    assert frozen.child.pid() not in (frozen.pid, None)
    until(lambda: passes.next_to_end(frozen.database) is None, what="the pass that waited")
