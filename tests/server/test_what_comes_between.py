"""A command that names what is committed between the look for its rows and its reading: it is decided again, and loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.worlds.books import REASON, Market
from watchkeeper.base.database import Database
from watchkeeper.boundary.gate import Switch
from watchkeeper.market import rowlocks
from watchkeeper.market.commands import (
    Act,
    Answer,
    Command,
    CreateListing,
    Deposit,
    FormBlock,
    PayToLock,
    Purchase,
    VerifyDelivery,
    WriteOff,
)
from watchkeeper.market.execute import Executor
from watchkeeper.market.probes import SYSTEM_USER_ID
from watchkeeper.market.switching import Switching


class Between:
    """Plays other executors' commands at two points of one executor's transaction, once each."""

    def __init__(self, market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
        self._market = market
        self._others = [self._executor() for _ in range(2)]
        self._guessing = self._executor()
        self._hold, self._hold_the_end = rowlocks.hold, rowlocks.hold_the_end
        #: What comes after the look for the rows, and before the end is held.
        self._waiting: list[Callable[[], None]] = []
        monkeypatch.setattr(rowlocks, "hold", self._holding)
        monkeypatch.setattr(rowlocks, "hold_the_end", self._holding_the_end)
        self._guess: Act | None = None
        self.answers: list[str] = []

    def _executor(self) -> Executor:
        market = self._market
        return Executor(
            market.data, system_id=market.market.system_id, clock=market.clock, lease=market.lease
        )

    def close(self) -> None:
        for executor in (*self._others, self._guessing):
            executor.close()

    def play(
        self, guess: tuple[Command, int], *, made: tuple[Command, int], rival: tuple[Command, int]
    ) -> str:
        """What the guess is answered while `made` comes after its look, and `rival` after its reading."""
        self._market.keep_lease()
        self._guess = self._market.act(*guess)
        self._waiting = [
            lambda: self.answers.append(self._one(self._others[0], *made)),
            lambda: self.answers.append(self._one(self._others[1], *rival)),
        ]
        outcome = self._guessing.run([self._guess])[0]
        assert not self._waiting
        return "accepted" if isinstance(outcome, Answer) else outcome.code

    def _one(self, executor: Executor, command: Command, actor_id: int) -> str:
        outcome = executor.run([self._market.act(command, actor_id)])[0]
        return "accepted" if isinstance(outcome, Answer) else outcome.code

    def _holding(self, database: Database, acts: Sequence[Act]) -> rowlocks.Held | None:
        held = self._hold(database, acts)
        if self._guess in acts and len(self._waiting) == 2:
            self._waiting.pop(0)()
        return held

    def _holding_the_end(self, database: Database) -> None:
        # Whoever comes between runs through here, too; only the guess is still to be answered when one waits.
        if len(self._waiting) == 1 and len(self.answers) == 1:
            self._waiting.pop(0)()
        self._hold_the_end(database)


@pytest.fixture
def between(market: Market, monkeypatch: pytest.MonkeyPatch) -> Iterator[Between]:
    found = Between(market, monkeypatch)
    yield found
    found.close()


def listed(market: Market, *, units: int = 1) -> list[int]:
    """New units of the farmer."""
    listing = CreateListing(produce="Beans", grams=10_000 * units, price_ugx_per_kg=1)
    found = market.one(listing, market.farmer).body["unit_ids"]
    assert isinstance(found, list)
    return found


def highest(market: Market, table: str) -> int:
    """The highest key of a table; 0 where it is empty."""
    row = market.books.database.one(f"SELECT coalesce(max(id), 0) FROM {table}")
    assert row is not None
    return int(str(row[0]))


def balances_behind(market: Market) -> list[tuple[object, ...]]:
    """Traders whose state does not point at their last entry."""
    return [
        tuple(row)
        for row in market.books.database.query(
            "SELECT s.trader_id, s.last_number, max(l.number) FROM trader_state s JOIN wallet_ledger l "
            "ON l.trader_id = s.trader_id GROUP BY s.trader_id, s.last_number HAVING max(l.number) <> s.last_number"
        )
    ]


@pytest.mark.rule("journal.projections")
def test_a_lot_that_is_written_off_as_it_comes_into_the_store(market: Market, between: Between) -> None:
    lock = market.one(PayToLock(unit_id=listed(market)[0]), market.tina).utid
    answer = between.play(
        (WriteOff(lot_id=highest(market, "lots") + 1, reason=REASON), market.person("admin")),
        made=(VerifyDelivery(lock_utid=lock, outcome="delivered", reason=REASON), market.admin_id),
        rival=(Deposit(amount_ugx=5, provider="mtn", external_ref="BETWEEN-1"), market.tina),
    )
    assert (answer, between.answers) == ("accepted", ["accepted", "accepted"])
    assert balances_behind(market) == []
    market.one(Deposit(amount_ugx=7, provider="mtn", external_ref="BETWEEN-2"), market.tina)


def test_a_unit_that_is_locked_as_it_is_listed(market: Market, between: Between) -> None:
    unit = highest(market, "units") + 1
    answer = between.play(
        (PayToLock(unit_id=unit), market.tina),
        made=(CreateListing(produce="Beans", grams=10_000, price_ugx_per_kg=1), market.farmer),
        rival=(PayToLock(unit_id=unit), market.tom),
    )
    assert (answer, between.answers) == ("unit-not-available", ["accepted", "accepted"])
    assert market.books.database.query("SELECT trader_id FROM locks WHERE unit_id = ?", (unit,)) == [
        (market.tom,)
    ]
    assert balances_behind(market) == []


def test_a_block_that_is_bought_as_it_is_formed(market: Market, between: Between) -> None:
    switching = Switching(
        market.data, system_id=market.market.system_id, books=market.books.database, clock=market.clock
    )
    admin = market.books.user(market.admin_id)
    assert admin is not None
    switching.flip(switch=Switch.PURCHASE_WINDOW, action="release", actor=admin, reason=REASON)
    switching.close()
    for unit in listed(market, units=10):
        lock = market.one(PayToLock(unit_id=unit), market.tina).utid
        market.one(VerifyDelivery(lock_utid=lock, outcome="delivered", reason=REASON), market.admin_id)
    block = highest(market, "blocks") + 1
    answer = between.play(
        (Purchase(block_id=block), market.person("buyer")),
        made=(FormBlock(trader_id=market.tina, produce="Beans"), SYSTEM_USER_ID),
        rival=(Purchase(block_id=block), market.person("buyer")),
    )
    assert (answer, between.answers) == ("inventory-not-available", ["accepted", "accepted"])
    assert market.books.database.query("SELECT count(*) FROM purchases") == [(1,)]
