"""Switches that do not bite, a full disk, silent detectors, books that cannot be written: told while they last, ended by a fresh look."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.worlds.books import REASON
from tests.worlds.detecting import Post
from watchkeeper.base.database import DatabaseError, SqliteDatabase, engine_of
from watchkeeper.market.commands import EndSessions
from watchkeeper.market.housekeeping import Housekeeping
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.detectors.model import Look, Plain
from watchkeeper.operation.detectors.model import Post as Watching
from watchkeeper.operation.detectors.reaching import WriteProbe
from watchkeeper.operation.detectors.runner import look_now
from watchkeeper.operation.detectors.silence import EXPECTED, Silence
from watchkeeper.operation.detectors.tiers import Tiers


def states(post: Post, condition: str) -> list[tuple[str, str]]:
    return [(a[1], a[3]) for a in post.alerts() if a[0] == condition]


def test_a_switch_that_does_not_bite_is_told_until_a_fresh_probe_is_refused(post: Post) -> None:
    def probed(*, bites: bool) -> None:
        for switch in ("pilot_mode", "purchase_window", "shutdown"):
            post.lease.record_probe(
                switch=switch,
                engaged=True,
                bites=bites or switch != "purchase_window",
                detail="",
                clock=post.clock,
            )

    post.look("switch probes")
    assert (post.seen("switch probes").state, post.seen("switch probes").detail) == (
        "UNKNOWN",
        "no switch was probed yet",
    )
    probed(bites=True)
    post.turn()
    assert (post.seen("switch probes").state, post.alerts()) == ("QUIET", [])
    probed(bites=False)
    (alert,) = post.look("switch probes")
    assert (alert.condition, alert.scope, alert.severity) == (
        "switch does not bite",
        "switch:purchase_window",
        "critical",
    )
    post.restart()
    assert post.look("switch probes") == []
    # A probe that bites and is old says nothing about now.
    probed(bites=True)
    post.passes(seconds=121)
    post.look("switch probes")
    assert post.seen("switch probes").state == "UNKNOWN"
    assert states(post, "switch does not bite") == [("switch:purchase_window", "open")]
    probed(bites=True)
    post.look("switch probes")
    assert states(post, "switch does not bite") == [("switch:purchase_window", "resolved")]


def test_a_disk_with_too_little_room_is_told_until_it_has_room_again(post: Post) -> None:
    post.look("free space")
    assert post.seen("free space").state == "QUIET"
    # No disk has so much room: what is asked of it is real, what is wanted is not.
    post.set("free_mib = 1000000")
    post.turn()
    post.turn()
    assert post.alerts() == [("disk nearly full", "everything", "critical", "open", 1)]
    post.set("")
    post.turn()
    assert post.alerts() == [("disk nearly full", "everything", "critical", "resolved", 1)]


def test_copies_that_nobody_makes_are_unknown_and_no_alert(post: Post) -> None:
    post.turn()
    for name in ("backup age", "restore-test age"):
        assert post.seen(name).state == "UNKNOWN"
        assert "not made yet" in post.seen(name).detail
    assert post.alerts() == []


class Hand(Plain):
    """A detector that sees what the test says."""

    every_seconds = 1.0

    def __init__(self, name: str, state: str) -> None:
        self.name = name
        self.state = state

    def look(self, _: Watching, __: Mapping[str, int]) -> Look:
        if self.state == "raises":
            raise ZeroDivisionError("the test's")
        return Look(state=self.state)


def test_a_detector_that_does_not_look_or_knows_nothing_for_too_long_is_told(post: Post) -> None:
    watching = post.detecting.post
    silence = Silence()

    def all_look(**state: str) -> None:
        for name in EXPECTED:
            look_now(watching, Hand(name, state.get(name.replace(" ", "_").replace("-", "_"), "QUIET")))

    all_look()
    assert look_now(watching, silence) == []
    post.passes(seconds=200)
    all_look(habits="raises", admin_grants="UNKNOWN")
    assert look_now(watching, silence) == []
    assert post.seen("habits").detail == "the detector raised ZeroDivisionError"
    post.passes(seconds=200)
    # After a restart everybody has time to look again; what was UNKNOWN before it still counts from its beginning.
    silence = Silence()
    all_look(habits="raises")
    assert look_now(watching, silence) == []
    post.passes(seconds=301)
    for name in EXPECTED:
        if name != "reversals":
            look_now(watching, Hand(name, "raises" if name == "habits" else "QUIET"))
    told = look_now(watching, silence)
    assert [(a.condition, a.scope, a.severity) for a in told] == [
        ("detector silent", "detector:habits", "high"),
        ("detector silent", "detector:reversals", "high"),
    ]
    assert "it looked last 301 s ago" in told[1].detail
    assert look_now(watching, silence) == []
    all_look()
    look_now(watching, silence)
    assert [state for _, state in states(post, "detector silent")] == ["resolved", "resolved"]


def housekeeping(post: Post) -> Housekeeping:
    return Housekeeping(
        post.data,
        system_id=post.system_id,
        books=post.market.books.database,
        switching=post.switching,
        clock=post.clock,
    )


def test_the_market_proves_each_time_that_the_books_can_be_written(post: Post) -> None:
    house = housekeeping(post)
    probe = WriteProbe(Tiers())
    watching = post.detecting.post
    assert look_now(watching, probe) == []
    assert (post.seen("write probe").state, post.seen("write probe").detail) == (
        "UNKNOWN",
        "no write was ever proved",
    )
    before = post.market.books.database.one("SELECT commits FROM commit_count")
    house.probe(post.market.executor)
    after = post.market.books.database.one("SELECT commits FROM commit_count")
    assert before is not None
    assert after is not None
    assert int(str(after[0])) == int(str(before[0])) + 1
    assert look_now(watching, probe) == []
    assert post.seen("write probe").state == "QUIET"
    house.close()


def test_a_write_that_the_books_refuse_is_told_at_once_and_over_with_the_next_that_succeeds(
    post: Post,
) -> None:
    house = housekeeping(post)
    probe = WriteProbe(Tiers())
    watching = post.detecting.post
    house.probe(post.market.executor)
    look_now(watching, probe)
    post.owner(
        "CREATE TRIGGER jammed BEFORE UPDATE ON commit_count BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        if engine_of(post.data) == "sqlite"
        else "ALTER TABLE market.commit_count ADD CONSTRAINT jammed CHECK (commits < 0) NOT VALID"
    )
    house.probe(post.market.executor)
    (alert,) = look_now(watching, probe)
    assert (alert.condition, alert.severity) == ("database connection failed", "critical")
    assert "the books cannot be written" in alert.detail
    assert "What to do: 1. see what the write was refused with" in alert.detail
    assert look_now(watching, WriteProbe(Tiers())) == []
    post.owner(
        "DROP TRIGGER jammed"
        if engine_of(post.data) == "sqlite"
        else "ALTER TABLE market.commit_count DROP CONSTRAINT jammed"
    )
    # Time alone ends nothing.
    post.passes(seconds=300)
    look_now(watching, probe)
    assert states(post, "database connection failed") == [("everything", "open")]
    house.probe(post.market.executor)
    look_now(watching, probe)
    assert states(post, "database connection failed") == [("everything", "resolved")]
    house.close()


def test_a_probe_that_nobody_makes_any_more_is_told_after_its_time_and_a_start_waits_for_the_first(
    post: Post,
) -> None:
    house = housekeeping(post)
    house.probe(post.market.executor)
    watching = post.detecting.post
    post.passes(hours=8)
    probe = WriteProbe(Tiers())
    assert look_now(watching, probe) == []
    assert post.seen("write probe").state == "UNKNOWN"
    post.passes(seconds=16)
    look_now(watching, probe)
    post.passes(seconds=16)
    assert [a.condition for a in look_now(watching, probe)] == ["database connection failed"]
    house.close()


def test_a_control_store_that_cannot_be_written_loses_nothing_and_counts_nothing_twice(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = post.alias(post.market.tom)
    for _ in range(6):
        post.market.one(EndSessions(account=account, reason=REASON), post.admin)
    with monkeypatch.context() as full:

        def refuse(*_: object, **__: object) -> int:
            raise DatabaseError("the disk is full")

        full.setattr(SqliteDatabase, "execute", refuse)
        with pytest.raises(DatabaseError):
            post.look("admin actions")
    assert post.look("admin actions") == []
    assert post.seen("admin actions").value == 6


def test_nothing_of_an_ordinary_day_raises_any_alert(post: Post) -> None:
    house = housekeeping(post)
    for _ in range(8):
        house.probe(post.market.executor)
        lock = post.lock()
        post.passes(hours=2)
        post.mark(lock, "delivered")
        post.market.person("farmer")
        post.market.executor.notes.attempt(
            account=post.alias(post.admin), address="10.1.2.3", kind="sign_in", outcome="accepted"
        )
        post.turn()
        house.probe(post.market.executor)
        post.turn()
    assert post.alerts() == []
    assert alerts.listed(post.database) == []
    house.close()
