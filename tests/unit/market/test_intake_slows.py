"""A market whose watch falls behind takes less at a time, and loses nothing by it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.waiting import until
from tests.worlds.books import REASON, Market, TurnableClock
from watchkeeper.boundary.lease import LeaseKeeper, LeaseReader, LeaseStore
from watchkeeper.market.commands import Act, Answer, InviteUser
from watchkeeper.market.execute import Executor, Outcome
from watchkeeper.market.housekeeping import Housekeeping
from watchkeeper.market.intake import Intake
from watchkeeper.market.reading import open_books
from watchkeeper.market.switching import Switching

_WAITING = 40


class Counting(Executor):
    """An executor that keeps how much it was given at a time, and can be held while more comes in."""

    sizes: list[int]
    free: threading.Event

    def run(self, acts: Sequence[Act]) -> list[Outcome]:
        self.sizes.append(len(acts))
        assert self.free.wait(60)
        return super().run(acts)


class Busy:
    """A market at work, with a watch that reads as far as the test says."""

    def __init__(self, data: Path) -> None:
        self.clock = TurnableClock()
        self.market = Market(data, clock=self.clock)
        system_id = self.market.market.system_id
        self._watch = LeaseStore(data, system_id=system_id, role="watch")
        self._keeper = LeaseKeeper(self._watch, clock=self.clock)
        self._keeper.take()
        self.lease = LeaseReader(LeaseStore(data, system_id=system_id, role="market"), clock=self.clock)
        self.executor = Counting(data, system_id=system_id, clock=self.clock, lease=self.lease)
        self.executor.sizes, self.executor.free = [], threading.Event()
        self.executor.free.set()
        self._books = open_books(data, system_id=system_id)
        switching = Switching(data, system_id=system_id, books=self._books, clock=self.clock)
        self._housekeeping = Housekeeping(
            data, system_id=system_id, books=self._books, switching=switching, clock=self.clock
        )
        self.intake = Intake(
            self.executor, lease=self.lease, housekeeping=self._housekeeping, clock=self.clock
        )
        self.intake.start()

    def invite(self) -> Callable[[], Answer]:
        act = self.market.act(InviteUser(role="farmer", reason=REASON), self.market.admin_id)
        waiting = self.intake.submit(act)
        return lambda: waiting.result(timeout=60)

    def watched_to(self, number: int) -> None:
        """The watch says that it has read up to here, and the market has heard it."""

        def heard() -> bool:
            self._keeper.renew(watermark=number, withheld="")
            self.clock.boot_offset_seconds += 0.1
            return self.lease.watermark == number and not self.lease.silent()

        until(heard, what="the market hears of the watch")

    def close(self) -> None:
        self.intake.stop()
        self._housekeeping.close()
        self._books.close()
        self._watch.close()
        self.market.close()


@pytest.fixture
def busy(data: Path) -> Iterator[Busy]:
    found = Busy(data)
    yield found
    found.close()


@pytest.mark.parametrize(("behind", "most"), [(0, _WAITING), (1, 5)])
def test_a_watch_that_is_behind_for_longer_than_five_seconds_gets_small_bites(
    busy: Busy, behind: int, most: int
) -> None:
    number = busy.invite()().n
    busy.watched_to(number - behind)
    busy.executor.sizes.clear()
    busy.executor.free.clear()
    answers = [busy.invite()]
    until(lambda: busy.executor.sizes, what="the first is taken")
    answers += [busy.invite() for _ in range(_WAITING)]
    busy.clock.boot_offset_seconds += 6
    assert busy.intake.lag_seconds() == 0 if not behind else busy.intake.lag_seconds() > 5
    busy.executor.free.set()
    assert len({answer().utid for answer in answers}) == 1 + _WAITING
    assert busy.executor.sizes[0] == 1
    assert sum(busy.executor.sizes) == 1 + _WAITING
    assert max(busy.executor.sizes) == most
