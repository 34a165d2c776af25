"""The oldest row that waits, when rows come and go while it does."""

from __future__ import annotations

from watchkeeper.base.clock import BootTime
from watchkeeper.operation.verifier.unread import Unread


def at(second: int) -> BootTime:
    return BootTime("this boot", second * 10**9)


def test_each_row_waits_since_the_look_that_saw_it_first() -> None:
    unread = Unread()
    unread.note(read=0, last=10, begun=at(1))
    unread.note(read=5, last=20, begun=at(2))
    unread.note(read=9, last=20, begun=at(3))
    assert unread.since() == at(1)
    unread.note(read=10, last=30, begun=at(4))
    assert unread.since() == at(2)
    unread.note(read=20, last=30, begun=at(5))
    assert unread.since() == at(4)
    unread.note(read=30, last=30, begun=at(6))
    assert unread.since() is None


def test_rows_that_are_gone_do_not_wait_and_those_before_them_wait_as_long_as_they_did() -> None:
    unread = Unread()
    unread.note(read=5, last=20, begun=at(1))
    unread.note(read=6, last=10, begun=at(2))
    assert unread.since() == at(1)
    unread.note(read=10, last=10, begun=at(3))
    assert unread.since() is None
    unread.note(read=10, last=4, begun=at(4))
    assert unread.since() is None


def test_a_watch_that_reads_nothing_keeps_the_oldest_however_often_it_looks() -> None:
    unread = Unread()
    for look in range(10_500):
        unread.note(read=0, last=look + 1, begun=at(look))
    assert unread.since() == at(0)
