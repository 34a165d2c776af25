"""A watched market whose metrics are sampled when the test says so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.worlds.books import REASON, TurnableClock
from tests.worlds.watched import Room
from watchkeeper.base.clock import Clock
from watchkeeper.base.database import open_database
from watchkeeper.boundary.gate import EVERYTHING, OperationClass, Scope, Switch
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.market.switching import Switching
from watchkeeper.operation.catalogue.model import Draft
from watchkeeper.operation.metrics import store
from watchkeeper.operation.metrics.sampler import Probe, Sampler
from watchkeeper.operation.metrics.store import Now
from watchkeeper.operation.verifier import findings


class MeasuredRoom(Room):
    """A room with a sampler."""

    def __init__(self, data: Path) -> None:
        self.bites = {switch.value: True for switch in Switch}
        self.prober: LeaseStore | None = None
        super().__init__(data)
        self.prober = LeaseStore(data, system_id=self.system_id, role="market")
        self.tiers: dict[str, Probe] = {}
        self.sampler = self.new_sampler()

    def new_sampler(self, clock: Clock | None = None) -> Sampler:
        """A sampler as after a start, by the room's clock or by one that shows another time."""
        return Sampler(
            self.data,
            system_id=self.system_id,
            database=self.database,
            clock=clock or self.clock,
            probes=self._probes,
        )

    def sampled(self, *, seconds_later: int) -> Now:
        """What is known when nothing happens for so long, by both clocks, and somebody samples then."""
        clock = TurnableClock()
        clock.boot_offset_seconds = self.clock.boot_offset_seconds + seconds_later
        clock.instant_offset = self.clock.instant_offset + seconds_later * 1_000_000
        sampler = self.new_sampler(clock)
        sampler.critical()
        sampler.minute()
        sampler.close()
        found = store.now(self.database, clock=clock)
        # Back in the present the round of then is of the future: the watch starts anew.
        self.sampler.close()
        self.sampler = self.new_sampler()
        return found

    def turn(self) -> None:
        """A turn of the watch, with the switches probed and the lease heard."""
        prober = self.prober
        if prober is not None:
            for switch, bites in self.bites.items():
                prober.record_probe(switch=switch, engaged=True, bites=bites, detail="", clock=self.clock)
        super().turn()
        self.market.lease.poll()

    def _probes(self) -> Mapping[str, Probe]:
        return self.tiers

    def look(self) -> Now:
        """A pass, both rounds, and what is known then."""
        self.turn()
        self.sampler.critical()
        self.sampler.minute()
        return store.now(self.database, clock=self.clock)

    def value(self, metric: str, *labels: str) -> int | None:
        """What a metric says now, None when it says nothing."""
        return self.look().values.get((metric, labels))

    def why(self, metric: str) -> str:
        """Why a metric is not wholly known, empty when it is."""
        return self.look().unknown.get(metric, "")

    def flip(self, switch: Switch, action: str) -> None:
        """The admin, or for the shutdown the operator, flips a switch."""
        user_id = self.market.market.operator.id if switch is Switch.SHUTDOWN else self.market.admin_id
        actor = self.market.books.user(user_id)
        assert actor is not None
        switching = Switching(
            self.data, system_id=self.system_id, books=self.market.books.database, clock=self.clock
        )
        switching.flip(switch=switch, action=action, actor=actor, reason=REASON)
        switching.close()

    def alias(self, user_id: int) -> str:
        user = self.market.books.user(user_id)
        assert user is not None
        return user.alias

    def as_owner(self, sql: str, parameters: tuple[int | str, ...] = (), *, table: str) -> None:
        """What somebody with the database's own rights does to a table, its triggers out of the way."""
        owner = open_database(self.data, "market", role="owner")
        with owner.transaction("write"), owner.without_triggers([table]):
            owner.execute(sql, parameters)
        owner.close()

    def finding(self, invariant: str, *, scope: Scope = EVERYTHING, key: str) -> int:
        """A finding as a check would note it; its id."""
        draft = Draft(
            invariant=invariant,
            kind="made by a test",
            scope=scope,
            # What a test of money does not need.
            classes=frozenset({OperationClass.NOTICE}),
            table_name="journal",
            row_key=key,
            detail="made by a test",
        )
        with self.database.transaction("write"):
            found = findings.note(
                self.database, draft, watermark=0, committed_at=None, seen_at=self.clock.now()
            )
        assert found is not None
        return found.id

    def close_finding(self, finding_id: int) -> None:
        with self.database.transaction("write"):
            findings.close(
                self.database, finding_id, state="cured", by="the test", utid=None, at=self.clock.now()
            )

    def close(self) -> None:
        self.sampler.close()
        if self.prober is not None:
            self.prober.close()
        super().close()
