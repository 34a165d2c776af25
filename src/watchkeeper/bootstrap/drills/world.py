"""The drill's own system: a market with business in it, the control room beside it, and nothing else running."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import watchkeeper
from watchkeeper.base.clock import Clock
from watchkeeper.base.database import engine_of, file_of
from watchkeeper.base.database.places import addresses
from watchkeeper.bootstrap.bench.books import Bench
from watchkeeper.bootstrap.drills.faults import DIGEST, DIGEST_OF, spoken
from watchkeeper.bootstrap.full_pass import FullPasses
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import Command, CreateListing, Deposit, PayToLock, VerifyDelivery
from watchkeeper.market.cures.service import MarketCures
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.switching import Switching
from watchkeeper.operation import cycle, store
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.playbooks.desk import Desk
from watchkeeper.operation.playbooks.deskwork import Operator
from watchkeeper.operation.verifier import passes
from watchkeeper.operation.verifier.continuous import Continuous
from watchkeeper.operation.verifier.engine_postgresql import PostgresEngine

_REASON = "a drill: the fault is made on purpose"
_INJECT = """
import sys
from watchkeeper.base import canonical
engine, place, of, mark = sys.argv[1:]
if engine == "sqlite":
    import sqlite3
    c = sqlite3.connect(place, timeout=10, isolation_level=None)
else:
    import psycopg
    c = psycopg.connect(place, autocommit=True)
    c.execute("SET search_path = market, boundary")
c.execute("BEGIN")
digest = mark
for statement in sys.stdin.read().split(";\\n"):
    if statement.startswith(of):
        found = c.execute("SELECT * FROM wallet_ledger WHERE id = " + statement.removeprefix(of))
        row = dict(zip([column[0] for column in found.description], found.fetchone()))
        digest = canonical.effects_digest([("wallet_ledger", row["id"], row)])
    else:
        c.execute(statement.replace(mark, digest))
if engine == "postgresql":
    c.execute("SELECT pg_stat_force_next_flush()")
c.execute("COMMIT")
c.close()
"""


class World:
    """Belongs to one thread. The watch is turned by hand, so a drill is the same each time."""

    def __init__(self, data: Path, *, clock: Clock) -> None:
        self.data = data
        self.clock = clock
        self.bench = Bench(data, clock=clock)
        self.system_id = self.bench.market.system_id
        store.create(data, system_id=self.system_id, clock=clock)
        self.database = store.open_store(data, system_id=self.system_id)
        self.continuous = Continuous(data, system_id=self.system_id, database=self.database, clock=clock)
        if isinstance(self.continuous.engine, PostgresEngine):
            # Turned by hand it looks at everything at each turn.
            self.continuous.engine.counts_seconds = self.continuous.engine.schema_seconds = 0.0
        self._full_passes = FullPasses(data, system_id=self.system_id, clock=clock)
        self.gatefile = self.continuous.gatefile
        self.desk = Desk(
            self.database,
            self.gatefile,
            MarketCures(self.bench.executor, self.bench.books, self.bench.lease),
            clock,
            self.continuous.context,
            # Whoever waits for the watch turns it by that.
            pause=lambda _: self.turn(),
        )
        self._make_business()

    def _make_business(self) -> None:
        bench = self.bench
        units = bench.units(30)
        self.victim = bench.trader(capital_ugx=400_000)
        self.neighbour = bench.trader(capital_ugx=400_000)
        self.farmer = bench.person("farmer")
        locks = [
            str(bench.one(PayToLock(unit_id=units.pop()), trader).utid)
            for trader in (self.victim, self.neighbour, self.victim, self.neighbour, self.neighbour)
        ]
        self.victims_lock, delivered, _, self.neighbours_lock, self.late_lock = locks
        bench.one(
            VerifyDelivery(lock_utid=delivered, outcome="delivered", reason=_REASON), bench.market.admin.id
        )
        # Two, so that a fault can change the one and let the other follow.
        for number, amount_ugx in enumerate((25_000, 15_000), start=1):
            bench.one(
                Deposit(amount_ugx=amount_ugx, provider="mtn", external_ref=f"DRILL-{number}"), self.victim
            )
        self.free_units = units
        self.alias = self._alias(self.victim)
        self.operator = Operator(bench.market.operator.id, bench.market.operator.alias, True)
        self.turn()

    def _alias(self, user_id: int) -> str:
        user = self.bench.books.user(user_id)
        return "" if user is None else user.alias

    def pilot_mode(self, action: str) -> None:
        """`engage` or `release` pilot mode, as an admin would; raises `Refusal`."""
        admin = self.bench.books.user(self.bench.market.admin.id)
        if admin is None:
            raise LookupError("the drill's market has no admin")
        switching = Switching(
            self.data, system_id=self.system_id, books=self.bench.books.database, clock=self.clock
        )
        try:
            switching.flip(switch=Switch.PILOT_MODE, action=action, actor=admin, reason=_REASON)
        finally:
            switching.close()

    def inject(self, statements: tuple[str, ...]) -> None:
        """Commit a fault from outside in one transaction: another process, stock SQLite, nothing of ours but the way
        in which canonical bytes are made, which a forger who means it would know.
        """
        engine = engine_of(self.data)
        place = str(file_of(self.data, "market")) if engine == "sqlite" else addresses(self.data)["owner"]
        sql = ";\n".join(spoken(s, engine).format(trader=self.victim, alias=self.alias) for s in statements)
        # In a process of its own: two SQLite libraries in one process would undo each other's file locks.
        subprocess.run(
            [sys.executable, "-c", _INJECT, engine, place, DIGEST_OF, DIGEST],
            input=sql,
            text=True,
            check=True,
            timeout=60,
            env=os.environ | {"PYTHONPATH": str(Path(watchkeeper.__file__).resolve().parents[1])},
        )

    def turn(self) -> None:
        """One turn of the watch: a continuous pass, and a full one when something calls for it."""
        found = self.continuous.look()
        stopped = cycle.stop(self.database, self.gatefile, found.drafts, clock=self.clock)
        with self.database.transaction("write"):
            cycle.write(
                self.database,
                stopped,
                watermark=found.watermark,
                committed_at=found.committed_at,
                at=self.clock.now(),
            )
            self.continuous.store(found, self.database)
        if found.wanted:
            self.full_pass()
        cycle.complete(self.database, self.gatefile, clock=self.clock)
        with self.database.transaction("write"):
            runs.open_missing(self.database, at=self.clock.now())
        self.bench.keep_lease()

    def full_pass(self) -> None:
        """A full pass, by the runner that the watch's child uses."""
        with self.database.transaction("write"):
            passes.ask(self.database, reason="a drill", at=self.clock.now())
        self._full_passes.run_waiting()

    def can_lock(self, trader: int) -> str:
        """What the market answers when this trader pays for a free unit: accepted, or the refusal's code."""
        return self._tried(PayToLock(unit_id=self.free_units.pop()), trader)

    def can_deposit(self, trader: int) -> str:
        """The same for a deposit."""
        command = Deposit(amount_ugx=1000, provider="airtel", external_ref=f"T{self.bench.counted()}")
        return self._tried(command, trader)

    def can_list(self) -> str:
        """The same when a farmer lists produce."""
        return self._tried(CreateListing(produce="Beans", grams=20_000, price_ugx_per_kg=100), self.farmer)

    def can_verify(self, lock_utid: str, outcome: str) -> str:
        """The same when the admin says what became of a lock."""
        command = VerifyDelivery(lock_utid=lock_utid, outcome=outcome, reason=_REASON)
        return self._tried(command, self.bench.market.admin.id)

    def _tried(self, command: Command, actor_id: int) -> str:
        self.bench.keep_lease()
        outcome = self.bench.executor.run([self.bench.act(command, actor_id)])[0]
        return outcome.code if isinstance(outcome, Refusal) else "accepted"

    def close(self) -> None:
        """Give the files back."""
        self._full_passes.close()
        self.continuous.close()
        self.database.close()
        self.bench.close()
