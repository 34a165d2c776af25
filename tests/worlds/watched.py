"""A market, the control room's store, and a watch that the test turns by hand."""

from __future__ import annotations

from pathlib import Path

from tests.waiting import until
from tests.worlds.books import Market, TurnableClock
from watchkeeper.base.database import SqliteDatabase, open_database
from watchkeeper.bootstrap.full_pass import FullPasses
from watchkeeper.bootstrap.watch import Watch
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.market.commands import Deposit
from watchkeeper.operation import store
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.seals import signing
from watchkeeper.operation.verifier import passes, verdicts


class Room:
    """A market, the control room's store, and a watch that the test turns by hand."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.clock = TurnableClock()
        self._deposits = 0
        self.market = Market(data, clock=self.clock)
        self.system_id = self.market.market.system_id
        for folder in ("keys", "seals", "run"):
            (data / folder).mkdir(exist_ok=True)
        signing.create_key(data, system_id=self.system_id)
        store.create(data, system_id=self.system_id, clock=self.clock)
        self.database: SqliteDatabase = store.open_store(data)
        self.gate = open_gate(data, system_id=self.system_id, role="control")
        self.lease = LeaseStore(data, system_id=self.system_id, role="control")
        self.watch = Watch(data, system_id=self.system_id, clock=self.clock)
        self.turn()
        until(self._first_pass_ended, what="the child's first full pass")

    def _first_pass_ended(self) -> bool:
        found = passes.latest(self.database)
        return found is not None and found.ended_at is not None

    def restart(self) -> None:
        """The watch's process ends and begins anew."""
        self.watch.close()
        self.watch = Watch(self.data, system_id=self.system_id, clock=self.clock)

    def publish(self) -> None:
        """One round of publishing the seals, which the watch does in a thread of its own."""
        self.watch._publishing.round()

    def turn(self) -> None:
        """One turn a second later, so that the lease is due."""
        self.clock.boot_offset_seconds += 1.5
        self.market.self_test()
        self.watch.turn()

    def business(self, reference: str) -> None:
        """A deposit through the entrance; the watch keeps the lease now."""
        self.market.lease.poll()
        self._deposits += 1
        # In turn, because each trader's deposits are counted.
        trader = (self.market.tina, self.market.tom)[self._deposits % 2]
        self.market.one(Deposit(amount_ugx=1000, provider="mtn", external_ref=reference), trader)

    def last_number(self) -> int:
        row = self.market.books.database.one("SELECT max(n) FROM journal")
        return int(str(row[0])) if row else 0

    def forge(self) -> None:
        """A journal row that claims effects it does not have."""
        owner = open_database(self.data, "market", role="owner")
        with owner.transaction("write"):
            owner.execute(
                "INSERT INTO journal (n, command_id, utid, command, actor_id, actor, role, decision, arguments, effects_digest, "
                "answer, gate_generation, at) SELECT n + 1, 'forged', '20261124-120000-tra-forged', 'deposit', actor_id, actor, "
                "role, decision, arguments, 'of nothing', answer, gate_generation, at FROM journal ORDER BY n DESC LIMIT 1"
            )
        owner.close()

    def words(self, invariant: str) -> tuple[str, str]:
        views = {v.invariant: v for v in verdicts.current(self.database, clock=self.clock)}
        return views[invariant].continuous, views[invariant].full

    def findings(self) -> set[tuple[str, str]]:
        return {(str(i), str(k)) for i, k in self.database.query("SELECT invariant, kind FROM findings")}

    def stops(self) -> set[tuple[str, str]]:
        return {(r.rule, r.cause) for r in imposing.active(self.gate)}

    def full_pass(self) -> None:
        runner = FullPasses(self.data, system_id=self.system_id, clock=self.clock)
        with self.database.transaction("write"):
            passes.ask(self.database, reason="the test asks", at=self.clock.now())
        runner.run_waiting()
        runner.close()

    def close(self) -> None:
        self.watch.close()
        self.gate.close()
        self.lease.close()
        self.database.close()
        self.market.close()
