"""The gate as it is stored: what both engines' gates have in common, and the words in which they refuse.

A reader holds the gate as it is from its look until its own commit; a change waits for all of them
and lets nobody new in. So when a change is answered, nothing decided before it can still commit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeAlias

from watchkeeper.base import utid
from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Database
from watchkeeper.boundary.features import FEATURE_OF
from watchkeeper.boundary.flips import Flip, insert, standing
from watchkeeper.boundary.gate import Hold, OperationClass, Restriction, Scope, Switch

#: A holder that keeps the gate longer than this is stuck (architecture, The gate).
HOLDER_SECONDS_MAX = 3.0
#: More active restrictions than this are one fault, not many; the gate then stops everything they name.
_RESTRICTIONS_MAX = 10_000
_RESTRICTION = "id, rule, scope_kind, scope_key, classes, cause, reason, evidence_seq, imposed_by, imposed_at"
#: Many times what the manifest has.
_FEATURES_MAX = 1000

#: A gate made anew begins so far above the books that no copy of an older one can be taken for it.
GENERATION_STEP = 1_000_000

Standing: TypeAlias = tuple[int, frozenset[tuple[Switch, Hold]], tuple[Restriction, ...]]


class GateUnreadable(Exception):
    """The gate is missing, corrupt, or not the one of this system. Nothing passes until it is there again."""


class GateBusy(Exception):
    """Commands decided under the old gate have not ended yet. New ones are refused; the change is not in force."""


class Gate(ABC):
    """One process's handle on the gate. It belongs to one thread at a time."""

    def __init__(self, *, system_id: str) -> None:
        self.system_id = system_id
        self._cached: Standing | None = None

    @abstractmethod
    def close(self) -> None:
        """Give the connection back; the next use opens it again."""

    @abstractmethod
    def shared(self, within: Database | None = None) -> AbstractContextManager[Database]:
        """Hold the gate as it is for the length of the block; changes wait for its end.

        `within`: the transaction on the books that this admission belongs to. Where gate and books are
        in one database the gate is held by that transaction, until it ends.
        """

    def look(self) -> AbstractContextManager[Database]:
        """Read the gate for the length of the block, also while nothing may pass because its server has to be confirmed."""
        return self.shared()

    def confirm(self) -> bool:
        """Believe the server as it is from now on; False where there was nothing to confirm. The caller has compared what it
        holds with the seals. Raises as `exclusive` does.
        """
        return False

    @abstractmethod
    def exclusive(self) -> AbstractContextManager[Database]:
        """Change the gate: waits for those inside, lets nobody in, commits at the end of the block.

        Raises `GateBusy` after 3 s; the change is then not in force.
        """

    @abstractmethod
    def rebuild(
        self, *, generation: int, flips: Sequence[Flip], features_off: Collection[str], clock: Clock
    ) -> None:
        """Make a lost gate anew from its flips, oldest first, in a generation that no older copy has.

        Whoever made the last flip makes it; the features of these names are off in it, the others on.
        """

    @abstractmethod
    def decided_under(self) -> int:
        """The gate's generation under which the newest journal row was decided; 0 when the books cannot tell."""

    def read(self, database: Database) -> Standing:
        """Generation, holds and active restrictions; parsed once for each generation."""
        row = database.one("SELECT generation FROM gate WHERE id = 1")
        if row is None or not isinstance(row[0], int):
            raise GateUnreadable("the gate has no generation")
        if self._cached is None or self._cached[0] != row[0]:
            self._cached = (row[0], holds(database), restrictions(database))
        return self._cached


def holds(database: Database) -> frozenset[tuple[Switch, Hold]]:
    """The holds that stand now."""
    try:
        return frozenset(
            (Switch(str(switch)), Hold(str(hold)))
            for switch, hold in database.query("SELECT switch, hold FROM holds LIMIT 100")
        )
    except ValueError as error:
        raise GateUnreadable(str(error)) from error


def restrictions(database: Database) -> tuple[Restriction, ...]:
    """The restrictions in force now, oldest first."""
    rows = database.query(
        f"SELECT {_RESTRICTION} FROM restrictions WHERE lifted_at IS NULL ORDER BY id LIMIT ?",
        (_RESTRICTIONS_MAX + 1,),
    )
    if len(rows) > _RESTRICTIONS_MAX:
        raise GateUnreadable("there are more restrictions than can be weighed")
    return tuple(_restriction(row) for row in rows)


def lifted_since(database: Database, at: int) -> list[Restriction]:
    """Restrictions that were lifted after an instant, newest first."""
    rows = database.query(
        f"SELECT {_RESTRICTION} FROM restrictions WHERE lifted_at > ? ORDER BY lifted_at DESC LIMIT ?",
        (at, _RESTRICTIONS_MAX),
    )
    return [_restriction(row) for row in rows]


def _restriction(row: tuple[object, ...]) -> Restriction:
    try:
        return Restriction(
            id=int(str(row[0])),
            rule=str(row[1]),
            scope=Scope(str(row[2]), str(row[3])),
            classes=frozenset(OperationClass(name) for name in str(row[4]).split(" ")),
            cause=str(row[5]),
            reason=str(row[6]),
            evidence_seq=int(str(row[7])),
            imposed_by=str(row[8]),
            imposed_at=int(str(row[9])),
        )
    except ValueError as error:
        raise GateUnreadable(str(error)) from error


def enabled(database: Database) -> frozenset[str]:
    """The commands whose feature is on: of the manifest's, those whose row says so. Read anew each time, so that a row that
    somebody changed past the gate counts from the next commit on.
    """
    return frozenset(
        str(command)
        for command, feature in database.query(
            "SELECT command, feature FROM features WHERE enabled = 1 LIMIT ?", (_FEATURES_MAX,)
        )
        if FEATURE_OF.get(str(command)) == feature
    )


@dataclass(frozen=True, slots=True)
class Lifted:
    """A restriction that is not in force any more: what it stood for, and who ended it why."""

    id: int
    rule: str
    scope: str
    cause: str
    by: str
    reason: str
    at: int


def lifted(database: Database, *, below: int | None = None, limit: int) -> list[Lifted]:
    """Restrictions that were lifted, newest first by their numbers; with numbers below `below` when it is given."""
    rows = database.query(
        "SELECT id, rule, scope_kind, scope_key, cause, lifted_by, lift_reason, lifted_at FROM restrictions "
        "WHERE lifted_at IS NOT NULL AND id < ? ORDER BY id DESC LIMIT ?",
        (2**62 if below is None else below, limit),
    )
    return [
        Lifted(
            id=int(str(row[0])),
            rule=str(row[1]),
            scope=str(Scope(str(row[2]), str(row[3]))),
            cause=str(row[4]),
            by="" if row[5] is None else str(row[5]),
            reason="" if row[6] is None else str(row[6]),
            at=int(str(row[7])),
        )
        for row in rows
    ]


def first_flips(*, generation: int, clock: Clock) -> list[Flip]:
    """The gate's first state at set-up: pilot mode on and the window closed, by the admin hold."""
    made: list[Flip] = []
    for switch in (Switch.PILOT_MODE, Switch.PURCHASE_WINDOW):
        at = clock.now()
        taken = {flip.utid for flip in made}
        made.append(
            Flip(
                number=len(made) + 1,
                utid=utid.draw(role="system", at=at, taken=taken.__contains__),
                switch=switch,
                hold=Hold.ADMIN,
                action="engage",
                actor="system",
                role="system",
                reason="set up on the host",
                # The first interval in which it is on begins before the first journal row.
                journal_n=0,
                engaged_after=True,
                generation=generation,
                at=at,
            )
        )
    return made


def fill(
    database: Database, *, system_id: str, generation: int, flips: Sequence[Flip], cluster: str | None = None
) -> None:
    """Write an empty gate's rows, in the caller's transaction. `cluster` where the engine has such a thing."""
    more: dict[str, str] = {} if cluster is None else {"cluster": cluster}
    columns = ", ".join(("id", "system_id", "generation", *more))
    values: list[int | str] = [1, system_id, generation, *more.values()]
    database.execute(f"INSERT INTO gate ({columns}) VALUES ({', '.join('?' * len(values))})", values)
    for flip in flips:
        insert(database, flip)
    database.execute_many(
        "INSERT INTO holds (switch, hold, utid) VALUES (?, ?, ?)",
        [(switch.value, hold.value, name) for (switch, hold), name in standing(flips).items()],
    )
