"""A round of the fee says of no instant that all was done by it that its commands were not decided at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tests.unit.market.test_from_the_store_to_the_buyer import DAY, HOUR, Store
from watchkeeper.base.clock import later
from watchkeeper.boundary.selftest import Settled
from watchkeeper.market.commands import Act
from watchkeeper.market.execute import Executor, Outcome
from watchkeeper.market.inventory.due import Due
from watchkeeper.operation.catalogue import storage_days
from watchkeeper.operation.catalogue.model import Draft


class PutRight:
    """The market's executor, before whose first command somebody puts a clock right that was ahead."""

    def __init__(self, store: Store, *, ahead: int) -> None:
        self._store = store
        self._ahead = ahead

    def run(self, acts: Sequence[Act]) -> list[Outcome]:
        if acts:
            self._store.clock.instant_offset -= self._ahead
            self._ahead = 0
        return self._store.bench.executor.run(acts)

    @property
    def was(self) -> bool:
        return self._ahead == 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._store.bench.executor, name)


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    found = Store(data)
    yield found
    found.housekeeping.close()
    found.switching.close()
    found.books.close()
    found.world.close()


def test_a_clock_that_was_ahead_for_a_moment_settles_no_day_that_nobody_deducted(store: Store) -> None:
    """A real watch found it: the round had looked a day ahead, and its command, decided a day before that, found nothing due."""
    store.deliver(1)
    store.turn()
    store.clock.instant_offset += DAY + HOUR
    store.bench.keep_lease()
    executor = PutRight(store, ahead=DAY + HOUR)
    due = Due(store.books.database, clock=store.clock)
    settled = due.deduct_fees(cast("Executor", executor), pilot_mode=())
    assert executor.was, "no command was run"
    assert settled is not None
    assert settled.began <= store.clock.now()
    assert missed(store, settled) == []
    # As it would have been said.
    ahead = replace(settled, began=later(store.clock.now(), seconds=DAY // 1_000_000))
    assert missed(store, ahead) != []


def missed(store: Store, settled: Settled) -> list[Draft]:
    context = store.world.continuous.context()
    return [draft for page in storage_days.every(context, settled, invariant="9.3") for draft in page]
