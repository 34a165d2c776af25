"""A market of which a test takes one guarding rule out, and the watch beside it, which knows nothing of that."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import Database, engine_of
from watchkeeper.base.database.places import addresses
from watchkeeper.bootstrap.drills.business import many
from watchkeeper.bootstrap.drills.faults.model import Sql, without
from watchkeeper.bootstrap.drills.turning import HOUR, TurnedClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.market import execute
from watchkeeper.market.append import Accepted, append
from watchkeeper.market.commands import CreateListing, Deposit, PayToLock, VerifyDelivery
from watchkeeper.market.state import BLOCK_LOTS, State
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.verifier import findings

_OURS = "watchkeeper."

REASON = "because the test says so and means it"


def everywhere(monkeypatch: pytest.MonkeyPatch, rule: object, instead: object) -> None:
    """Take a rule out of the market and of whoever else leans on it: the watch, too, if it does."""
    places = [
        (module, name)
        for module in [*sys.modules.values()]
        if module.__name__.startswith(_OURS)
        for name, value in vars(module).items()
        if value is rule
    ]
    assert places
    for module, name in places:
        monkeypatch.setattr(module, name, instead)


class Unguarded:
    """The drill's small market, and what the watch says after a turn. The test turns its calendar."""

    def __init__(self, data: Path) -> None:
        self.clock = TurnedClock(SystemClock())
        self.world = World(data, clock=self.clock)

    @property
    def admin(self) -> int:
        """The market's first admin."""
        return self.world.bench.market.admin.id

    def seen(self) -> set[tuple[str, str]]:
        """(rule, kind) of every open finding, after a turn of the watch."""
        self.world.turn()
        return {(f.invariant, f.kind) for f in findings.open_findings(self.world.database)}

    def stopped(self, rule: str) -> set[str]:
        """The scopes that are restricted under this rule."""
        return {str(r.scope) for r in imposing.active(self.world.gatefile) if r.rule == rule}

    def in_a_full_pass(self, invariant: str) -> set[str]:
        """The rows that a full pass names under this rule."""
        full = INVARIANTS[invariant].full
        assert full is not None
        drafts = [draft for page in full(self.world.continuous.context()) for draft in page]
        return {f"{draft.table_name} {draft.row_key}" for draft in drafts}

    def named(self, invariant: str) -> set[str]:
        """The rows that open findings of one rule name."""
        found = findings.open_findings(self.world.database, invariant=invariant)
        return {f"{f.table_name} {f.row_key}" for f in found}

    def number(self, sql: str, *parameters: str | int) -> int:
        """The one number that a query of the books gives."""
        row = self.world.bench.books.database.one(sql, parameters)
        assert row is not None
        return int(str(row[0]))

    def last(self, table: str) -> int:
        """The key of a table's last row."""
        return self.number(f"SELECT max({'n' if table == 'journal' else 'id'}) FROM {table}")

    def deposit(self, trader: int | None = None) -> str:
        """What the market answers to a deposit, of the wronged trader where nobody else is named."""
        return self.world.can_deposit(self.world.victim if trader is None else trader)

    def writes_also(self, monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
        """From now on the market's own code does this, too, wherever it appends."""

        def more(database: Database, accepted: list[Accepted], state: State) -> None:
            append(database, accepted, state)
            database.execute(statement)

        monkeypatch.setattr(execute, "append", more)

    def defenceless(self, table: str, *, against: str) -> None:
        """Nothing in the database keeps the market from an `update` or a `delete` of this table any more."""
        steps = without(f"{table}_refuses_{against}")
        if engine_of(self.world.data) == "postgresql":
            role = urlsplit(addresses(self.world.data)["market"]).username
            steps = (*steps, f'GRANT UPDATE, DELETE ON market.{table} TO "{role}"')
        self.world.inject((Sql(steps),))

    def dear_units(self, count: int) -> list[int]:
        """Units for 400,000 shillings each, and the money for them."""
        bench, world = self.world.bench, self.world
        bench.one(Deposit(amount_ugx=2_000_000, provider="bank", external_ref="RICH"), world.victim)
        listing = CreateListing(produce="Vanilla", grams=count * 10_000, price_ugx_per_kg=40_000)
        units = bench.one(listing, world.farmer).body["unit_ids"]
        assert isinstance(units, list)
        assert self.seen() == set()
        return units

    def a_block(self) -> int:
        """A block of the wronged trader's in store."""
        world, units = self.world, self.world.free_units
        locks = many(world, [PayToLock(unit_id=units.pop()) for _ in range(BLOCK_LOTS)], world.victim)
        many(
            world,
            [VerifyDelivery(lock_utid=lock.utid, outcome="delivered", reason=REASON) for lock in locks],
            self.admin,
        )
        world.tick()
        assert self.seen() == set()
        return self.last("blocks")

    def a_day_later(self) -> None:
        """The calendar is a day further, and the market has done what was due by itself."""
        self.clock.offset += 25 * HOUR
        self.world.tick()
