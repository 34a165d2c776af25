"""A market with its control room's store and every detector, turned by hand on a clock that the test moves."""

from __future__ import annotations

from pathlib import Path

from tests.worlds.books import REASON, Market, TurnableClock
from watchkeeper.base.database import SqliteDatabase, open_database
from watchkeeper.bootstrap.detecting import Detecting, of_the_books
from watchkeeper.boundary.gate import Hold, Switch
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.market.commands import CreateListing, PayToLock, VerifyDelivery
from watchkeeper.market.switching import Switching
from watchkeeper.operation import store
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.alerts.life import Alert
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.detectors import looks
from watchkeeper.operation.detectors.looks import Seen
from watchkeeper.operation.detectors.people import AssignedRoles
from watchkeeper.operation.detectors.silence import Silence

MINUTE, HOUR, DAY = 60, 3600, 86_400


class Post:
    """A market and the detectors over it. Set-up and its people are hours ago, so no window holds them."""

    def __init__(self, data: Path, *, settings: str = "") -> None:
        self.data = data
        self.clock = TurnableClock()
        self.market = Market(data, clock=self.clock)
        self.system_id = self.market.market.system_id
        self.admin = self.market.admin_id
        store.create(data, system_id=self.system_id, clock=self.clock)
        self.database: SqliteDatabase = store.open_store(data)
        self.switching = Switching(
            data, system_id=self.system_id, books=self.market.books.database, clock=self.clock
        )
        self.lease = LeaseStore(data, system_id=self.system_id, role="market")
        self.set(settings)
        self.detecting = self._detecting()
        self.detecting.turn()
        self.passes(hours=48)

    def _detecting(self) -> Detecting:
        return Detecting(
            self.data,
            system_id=self.system_id,
            clock=self.clock,
            # Time jumps here, so who is silent is asked by the tests of that alone.
            detectors=[*(d for d in of_the_books() if d.name != Silence.name), AssignedRoles()],
        )

    def set(self, thresholds: str) -> None:
        """Write the settings: lines of `[thresholds]`."""
        (self.data / "settings.toml").write_text(f"[thresholds]\n{thresholds}\n")

    def restart(self) -> None:
        """The control room's process begins anew."""
        self.detecting.close()
        self.detecting = self._detecting()

    def passes(self, *, hours: float = 0, seconds: float = 0) -> None:
        """Time goes on, by every clock."""
        moved = hours * HOUR + seconds
        self.clock.instant_offset += int(moved * 1_000_000)
        self.clock.boot_offset_seconds += moved

    def turn(self) -> None:
        """Everything looks that is due; a minute has passed by boot time, so everything is."""
        self.clock.boot_offset_seconds += 61
        self.market.executor.flush_notes()
        self.detecting.turn()

    def look(self, name: str) -> list[Alert]:
        """One detector looks; the alerts that it raised."""
        self.market.executor.flush_notes()
        return self.detecting.look(name)

    def seen(self, name: str) -> Seen:
        found = looks.seen(self.database, name, clock=self.clock)
        assert found is not None
        return found

    def alerts(self, *, but: tuple[str, ...] = ()) -> list[tuple[str, str, str, str, int]]:
        """Every alert there ever was: condition, scope, severity, state, how often it was raised."""
        found = alerts.listed(self.database, with_resolved=True)
        return [
            (one.condition, one.scope, one.severity, one.state, one.times_raised)
            for one in sorted(found, key=lambda alert: alert.id)
            if one.condition not in but
        ]

    def resolve(self, condition: str) -> None:
        """The operator has looked at it."""
        for one in alerts.listed(self.database):
            if one.condition == condition:
                with self.database.transaction("write"):
                    alerts.resolve(
                        self.database, one.id, by="opr", reason=REASON, causes=(), at=self.clock.now()
                    )

    def stops(self) -> dict[tuple[str, str], frozenset[str]]:
        """What is restricted: (rule, scope) -> classes."""
        return {
            (r.rule, str(r.scope)): frozenset(str(name) for name in r.classes)
            for r in imposing.active(self.detecting.post.gatefile)
        }

    def alias(self, user_id: int) -> str:
        user = self.market.books.user(user_id)
        assert user is not None
        return user.alias

    def flip(
        self, switch: Switch, action: str, *, hold: Hold | None = None, by_operator: bool = False
    ) -> None:
        """A switch is flipped, by the admin or the operator."""
        who = self.market.market.operator.id if by_operator else self.admin
        actor = self.market.books.user(who)
        assert actor is not None
        self.switching.flip(switch=switch, action=action, actor=actor, reason=REASON, hold=hold)

    def owner(self, *statements: str) -> None:
        """Statements past the entrance, as the database's owner."""
        database = open_database(self.data, "market", role="owner")
        try:
            with database.transaction("write"):
                for statement in statements:
                    database.execute(statement)
        finally:
            database.close()

    def lock(self) -> str:
        """A unit is listed and paid for; the lock's UTID."""
        self.market.keep_lease()
        listed = self.market.one(
            CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=100), self.market.farmer
        )
        units = listed.body["unit_ids"]
        assert isinstance(units, list)
        return str(self.market.one(PayToLock(unit_id=units[0]), self.market.tina).utid)

    def mark(self, lock_utid: str, outcome: str) -> None:
        self.market.keep_lease()
        self.market.one(VerifyDelivery(lock_utid=lock_utid, outcome=outcome, reason=REASON), self.admin)

    def close(self) -> None:
        self.detecting.close()
        self.switching.close()
        self.lease.close()
        self.database.close()
        self.market.close()
