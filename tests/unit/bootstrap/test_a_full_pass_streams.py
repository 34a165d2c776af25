"""A full pass holds as much memory as it needs for one slice, however much there is, and gives a sign of life all along."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import open_database
from watchkeeper.bootstrap.bench import filling
from watchkeeper.bootstrap.bench.filling import Filling
from watchkeeper.bootstrap.bench.watching import Watching
from watchkeeper.bootstrap.full_pass import FullPasses
from watchkeeper.operation.catalogue import accounts, paging, states
from watchkeeper.operation.catalogue import context as contexts
from watchkeeper.operation.catalogue.invariants import i1_1_balance, i1_3_overwrites
from watchkeeper.operation.verifier import full, passes
from watchkeeper.operation.verifier.continuous import Continuous

#: A slice of that many leaves is full at both sizes.
_SLICE = 100
_MIB = 2**20


class Grown:
    """A market with ordinary business, and the watch beside it."""

    def __init__(self, data: Path) -> None:
        clock = filling.clock_of(SystemClock())
        self.data = data
        self.business: Filling = filling.opened(data, clock=clock)
        self.system_id = self.business.bench.market.system_id
        self.watching = Watching(data, system_id=self.system_id, clock=clock)
        self.clock = clock

    def hours(self, number: int) -> None:
        for _ in range(number):
            self.business.hour(1)
            self.watching.catch_up()

    def full_pass(self) -> int:
        """Run one; the most that Python held for it at once, in bytes."""
        runner = FullPasses(self.data, system_id=self.system_id, clock=self.clock)
        database = self.watching.database
        with database.transaction("write"):
            passes.ask(database, reason="the test asks", at=self.clock.now())
        tracemalloc.start()
        try:
            runner.run_waiting()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            runner.close()
        ended = passes.latest(database)
        assert ended is not None
        assert ended.outcome == "HOLDS, 0 new findings"
        return peak

    def close(self) -> None:
        self.watching.close()
        self.business.bench.close()


@pytest.fixture
def grown(data: Path) -> Iterator[Grown]:
    made = Grown(data)
    yield made
    made.close()


def test_three_times_as_many_rows_need_no_more_memory(grown: Grown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full, "SLICE", _SLICE)
    grown.hours(6)
    entries, before = grown.business.entries(), grown.full_pass()
    grown.hours(12)
    assert grown.business.entries() > 2.9 * entries
    assert grown.full_pass() < 1.3 * before


def test_accounts_are_replayed_in_pieces_of_so_many_entries_however_few_accounts_there_are(
    grown: Grown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "SLICE", 10)
    monkeypatch.setattr(paging, "JOINED", 2)
    grown.hours(2)
    with closing(
        Continuous(grown.data, system_id=grown.system_id, database=grown.watching.database, clock=grown.clock)
    ) as watch:
        context = watch.context()
        pieces = 0
        for drafts in i1_1_balance.full(context):
            assert drafts == []
            # Between two pieces nobody holds a snapshot: the next sees what was committed meanwhile.
            assert not context.views.database.in_transaction
            pieces += 1
    # Seven accounts: fewer than a page. Their entries are more than thirty times twenty.
    assert grown.business.entries() > 600
    assert pieces > 600 // 20


def test_what_is_replayed_in_pieces_still_finds_the_entry_that_does_not_follow(
    grown: Grown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "SLICE", 10)
    monkeypatch.setattr(paging, "JOINED", 2)
    grown.hours(2)
    # The running state says another balance than the entries do; the last piece of the account's replay compares them.
    database = grown.watching.database
    with database.transaction("write"):
        database.execute("UPDATE account_state SET capital = capital + 1 WHERE ledger = 'wallet_ledger'")
    with closing(
        Continuous(grown.data, system_id=grown.system_id, database=database, clock=grown.clock)
    ) as watch:
        found = [draft for drafts in i1_1_balance.full(watch.context()) for draft in drafts]
    assert [(draft.kind, draft.table_name) for draft in found] == [("state", "wallet_ledger")] * 5
    assert len({draft.account for draft in found}) == 5


def test_of_every_trader_the_state_is_counted_however_few_are_counted_at_once(
    grown: Grown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "_TRADERS_AT_ONCE", 2)
    grown.hours(1)
    owner = open_database(grown.data, "market", role="owner")
    with closing(owner), owner.transaction("write"):
        traders = [int(str(row[0])) for row in owner.query("SELECT trader_id FROM trader_state ORDER BY 1")]
        owner.execute("UPDATE trader_state SET exposure_ugx = exposure_ugx + 1")
    with closing(
        Continuous(grown.data, system_id=grown.system_id, database=grown.watching.database, clock=grown.clock)
    ) as watch:
        found = [draft for drafts in i1_3_overwrites.full(watch.context()) for draft in drafts]
    assert [(draft.table_name, int(draft.row_key)) for draft in found] == [
        ("trader_state", trader) for trader in traders
    ]
    assert len(traders) == 5


def test_aliases_are_remembered_for_so_many_accounts_at_most(
    grown: Grown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contexts, "_ALIASES_MAX", 2)
    books = grown.business.bench.books
    with closing(
        Continuous(grown.data, system_id=grown.system_id, database=grown.watching.database, clock=grown.clock)
    ) as watch:
        context = watch.context()
        for account_id in (1, 2, 3, 1, 3):
            user = books.user(account_id)
            assert user is not None
            assert context.alias(account_id) == user.alias
            assert len(context._aliases) <= 2
