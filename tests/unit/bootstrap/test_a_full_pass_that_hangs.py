"""The child for full passes, hung in the middle of one, is ended and begun anew."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.waiting import until
from tests.worlds.books import TurnableClock
from watchkeeper.bootstrap import setup
from watchkeeper.bootstrap.watch import FullPassChild
from watchkeeper.operation import store
from watchkeeper.operation.verifier import passes


def test_a_pass_that_comes_no_further_is_ended_and_another_child_runs_the_next(tmp_path: Path) -> None:
    clock = TurnableClock()
    data = tmp_path / "data"
    setup.create(data, clock=clock)
    database = store.open_store(data)
    child = FullPassChild(data)
    child.keep_alive()
    before = child.pid()
    assert before is not None
    os.kill(before, signal.SIGSTOP)
    with database.transaction("write"):
        passes.ask(database, reason="the test asks", at=clock.now())
        passes.claim(database, boot=clock.boot(), at=clock.now())
    child.end_if_stuck(passes.next_to_end(database), clock=clock)
    clock.boot_offset_seconds += 299
    child.end_if_stuck(passes.next_to_end(database), clock=clock)
    assert child.pid() == before, "it was given its time"
    clock.boot_offset_seconds += 2
    child.end_if_stuck(passes.next_to_end(database), clock=clock)
    assert child.pid() is None
    with database.transaction("write"):
        passes.ask(database, reason="asked again", at=clock.now())
    child.wake()
    assert child.pid() != before
    until(
        lambda: (found := passes.latest(database)) is not None and found.ended_at is not None,
        what="the next pass",
    )
    assert database.one("SELECT outcome FROM full_passes ORDER BY id LIMIT 1") == ("not finished",)
    child.stop()
    database.close()


def test_a_child_that_hangs_before_it_begins_is_ended_as_well(tmp_path: Path) -> None:
    clock = TurnableClock()
    data = tmp_path / "data"
    setup.create(data, clock=clock)
    database = store.open_store(data)
    child = FullPassChild(data)
    child.keep_alive()
    before = child.pid()
    assert before is not None
    os.kill(before, signal.SIGSTOP)
    with database.transaction("write"):
        passes.ask(database, reason="the test asks", at=clock.now())
    child.wake()
    for _ in range(2):
        child.end_if_stuck(passes.next_to_end(database), clock=clock)
        clock.boot_offset_seconds += 301
    child.keep_alive()
    assert child.pid() not in (before, None)
    until(lambda: passes.next_to_end(database) is None, what="the pass that waited")
    child.stop()
    database.close()
