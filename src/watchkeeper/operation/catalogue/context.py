"""What a check is given: the published views in one snapshot, the control room's store, and what is new."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from watchkeeper.base import canonical
from watchkeeper.base.canonical import Value
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Clock, Instant
from watchkeeper.base.database import Database
from watchkeeper.boundary.flips import Flip
from watchkeeper.boundary.gate import Restriction, Switch
from watchkeeper.boundary.gatestore import Lifted
from watchkeeper.boundary.selftest import JobTurn, ProbeRound
from watchkeeper.boundary.turning import FeatureState
from watchkeeper.boundary.views import VIEWS, Row, Views
from watchkeeper.operation.catalogue import intervals

if TYPE_CHECKING:
    from watchkeeper.operation.catalogue.people import People

#: Rows that one query asks after, and acknowledgements that it gives: one row has several only after it was cured anew.
_ASKED_AT_ONCE, _ACKNOWLEDGED_MAX = 200, 4_000
#: So many accounts' aliases are remembered at once.
_ALIASES_MAX = 10_000

#: (table, key) of a row.
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Found:
    """A row as it was read."""

    table: str
    key: int
    row: Row

    @property
    def digest(self) -> str:
        """The digest of its canonical bytes, as an acknowledgement names it."""
        return canonical.digest(canonical.row_bytes(self.table, self.row))

    @property
    def document(self) -> str:
        """The row as canonical JSON."""
        return canonical.encode(canonical.row_document(self.row)).decode("utf-8")


@dataclass(slots=True)
class News:
    """What one pass found new: journal rows in order with their effect rows, and rows that no journal row owns."""

    journal: list[Found] = field(default_factory=list)
    effects: dict[int, list[Found]] = field(default_factory=dict)
    added: list[Found] = field(default_factory=list)
    side: list[Found] = field(default_factory=list)
    #: Who its accounts were, once a check has asked.
    people: People | None = None


@dataclass(frozen=True, slots=True)
class GateView:
    """The gate in the moment of a look: its generation, the engaged switches, the restrictions in force, the features."""

    generation: int
    engaged: frozenset[str]
    restrictions: tuple[Restriction, ...]
    features: tuple[FeatureState, ...]


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What the operated system last found out about itself: its probes, None when there are none, and its own rounds."""

    probes: ProbeRound | None
    jobs: Mapping[str, JobTurn]


@dataclass(slots=True)
class Unsound:
    """Rows that differ from their seals: their seals speak for them, so no check blames another row for what they say."""

    tables: set[str] = field(default_factory=set)
    #: Accounts whose rows they are: by alias, and by id where the row itself has it, for an alias may be gone as well.
    accounts: set[str] = field(default_factory=set)
    account_ids: set[int] = field(default_factory=set)
    #: UTIDs of acts that are gone, or have another now.
    utids: set[str] = field(default_factory=set)
    #: Invariants that did not judge something because of them.
    unsaid: set[str] = field(default_factory=set)

    def of_account(self, account_id: int, alias: str | None) -> bool:
        """Whether a row of this account is among them."""
        return account_id in self.account_ids or alias in self.accounts

    def keeps(self, invariant: str, *tables: str) -> bool:
        """Whether a row of these tables keeps this check from judging; what it did not judge is UNKNOWN, not HOLDS."""
        found = not self.tables.isdisjoint(tables)
        if found:
            self.unsaid.add(invariant)
        return found


@dataclass(slots=True)
class Context:
    """One snapshot and what belongs to it. `flips` are the gate's, all of them, oldest first."""

    views: Views
    database: Database
    flips: list[Flip]
    engaged: frozenset[Switch]
    clock: Clock
    #: Whether a full pass that began after the one of this number has read everything.
    full_pass_since: Callable[[int], bool]
    gate: GateView
    #: Raises `DatabaseError` when it cannot be read.
    selftest: Callable[[], SelfTest]
    #: Restrictions that were lifted after an instant.
    lifted_since: Callable[[Instant], list[Restriction]]
    #: A page of the gate's lifted restrictions, newest first, with numbers below the one named.
    lifted: Callable[[int | None], list[Lifted]]
    #: Rows that this pass is about to seal, which the store does not know yet.
    sealing: dict[Place, tuple[str, int]] = field(default_factory=dict)
    #: What of the books is not as it was sealed, as far as this round through the seals has come.
    unsound: Unsound = field(default_factory=Unsound)
    #: Table -> the last key read, this pass included; empty where all that stands counts.
    read: dict[str, int] = field(default_factory=dict)
    #: What `reached.changed` worked out last, and from what.
    changed: tuple[tuple[Value, ...], frozenset[tuple[str, int]]] | None = None
    #: Name -> the second in which it was last looked at in turn; kept from pass to pass.
    seconds: dict[str, int] = field(default_factory=dict)
    _tested: SelfTest | None = None
    _published: frozenset[str] | None = None
    _aliases: dict[int, str] = field(default_factory=dict)
    _by_utid: dict[str, Flip] = field(default_factory=dict)
    _times: dict[Switch, list[intervals.Span]] = field(default_factory=dict)

    def flip(self, utid: object) -> Flip | None:
        """The gate's flip of this UTID."""
        if not self._by_utid:
            self._by_utid = {flip.utid: flip for flip in self.flips}
        return self._by_utid.get(utid) if isinstance(utid, str) else None

    def times_on(self, switch: Switch) -> list[intervals.Span]:
        """When a switch was on, by its flips, oldest first."""
        if switch not in self._times:
            self._times[switch] = intervals.instants_on(self.flips, switch)
        return self._times[switch]

    def sealed(self, table: str, keys: Collection[int]) -> Mapping[int, tuple[str, int]]:
        """Where these rows are sealed: key -> (log, leaf index). At most 4,096 keys a call."""
        found: dict[int, tuple[str, int]] = {}
        if keys:
            rows = self.database.query(
                "SELECT key, log, idx FROM sealed_rows WHERE table_name = ? AND key BETWEEN ? AND ?"
                if max(keys) - min(keys) < 2 * len(keys) + 100
                else f"SELECT key, log, idx FROM sealed_rows WHERE table_name = ? AND key IN ({', '.join('?' * len(keys))})",
                (table, min(keys), max(keys))
                if max(keys) - min(keys) < 2 * len(keys) + 100
                else (table, *keys),
            )
            found = {int(str(row[0])): (str(row[1]), int(str(row[2]))) for row in rows}
        for key in keys:
            if (table, key) in self.sealing:
                found[key] = self.sealing[table, key]
        return found

    def acknowledged(self, found: Found) -> Row | None:
        """The acknowledgement of this row exactly as it stands, or None."""
        return self.acknowledgements([found]).get(found.key)

    def acknowledgements(self, found: Sequence[Found]) -> Mapping[int, Row]:
        """The same for rows of one table, by their keys: the newest of each that has one."""
        counted: dict[int, Row] = {}
        for begin in range(0, len(found), _ASKED_AT_ONCE):
            some = {str(one.key): one for one in found[begin : begin + _ASKED_AT_ONCE]}
            digests = {one.digest for one in some.values()}
            rows = self.views.rows(
                VIEWS["acknowledgements"],
                f"table_name = ? AND row_key IN ({', '.join('?' * len(some))}) "
                f"AND row_digest IN ({', '.join('?' * len(digests))}) ORDER BY id",
                (found[0].table, *some, *sorted(digests)),
                limit=_ACKNOWLEDGED_MAX,
            )
            said = [(row["id"], some[str(row["row_key"])], row) for row in rows]
            # An acknowledgement counts when it came through the entrance: sealed with its journal row.
            places = self.sealed("acknowledgements", [key for key, _, _ in said if isinstance(key, int)])
            for key, one, row in said:
                if (
                    isinstance(key, int)
                    and row["row_digest"] == one.digest
                    and places.get(key, ("", 0))[0] == "main"
                ):
                    counted[one.key] = row
        return counted

    def one(self, table: str, key: int) -> Found | None:
        """One row as it stands now."""
        row = self.views.by_keys(VIEWS[table], [key]).get(key)
        return None if row is None else Found(table, key, row)

    def alias(self, account_id: object) -> str | None:
        """The alias of an account, None when there is none."""
        if not isinstance(account_id, int):
            return None
        if account_id not in self._aliases:
            if len(self._aliases) >= _ALIASES_MAX:
                # A full pass comes by every account there is.
                self._aliases.clear()
            rows = self.views.rows(VIEWS["users"], "id = ? ORDER BY id", (account_id,), limit=1)
            if not rows:
                return None
            self._aliases[account_id] = str(rows[0]["alias"])
        alias = self._aliases[account_id]
        # One that somebody emptied, or filled with what is no alias, names nobody: no scope could be read back from it.
        return alias if alias and alias.isascii() else None

    def tested(self) -> SelfTest:
        """The operated system's self-test as of the first time that this context was asked; raises `DatabaseError`."""
        if self._tested is None:
            self._tested = self.selftest()
        return self._tested

    def published(self) -> frozenset[str]:
        """The published views that are there, as of the first time that this context was asked."""
        if self._published is None:
            self._published = self.views.published()
        return self._published

    def first_this_second(self, name: str) -> bool:
        """Whether nobody has asked so under this name within the running second: for what is looked at in turn."""
        second = self.clock.now() // MICROSECONDS_PER_SECOND
        if self.seconds.get(name) == second:
            return False
        self.seconds[name] = second
        return True
