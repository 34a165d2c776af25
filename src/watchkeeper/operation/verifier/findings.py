"""Findings: what a check saw, kept for ever. One closes repaired, acknowledged or cured; never by itself."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base import canonical
from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.boundary.gate import OperationClass
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.catalogue.model import Draft
from watchkeeper.operation.verifier import passes

#: More rules times scopes than a system of one operator has accounts.
_STOPS_MAX = 100_000
CLOSED_STATES = ("repaired", "acknowledged", "cured")


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding as it stands in the store. Instants in microseconds; `expected` and `found` are canonical JSON."""

    id: int
    invariant: str
    kind: str
    scope: str
    classes: frozenset[OperationClass]
    account: str | None
    table_name: str
    row_key: str
    expected: str
    found: str
    found_digest: str
    sealed_log: str | None
    sealed_index: int | None
    severity: str
    detail: str
    watermark: int
    committed_at: Instant | None
    seen_at: Instant
    state: str
    closed_at: Instant | None
    closed_by: str | None
    closing_utid: str | None
    #: The newest full pass that had begun by then: one with a higher number began afterwards, whatever a clock says.
    full_pass: int


_COLUMNS = (
    "id, invariant, kind, scope, classes, account, table_name, row_key, expected, found, found_digest, sealed_log, "
    "sealed_index, severity, detail, watermark, committed_at, seen_at, state, closed_at, closed_by, closing_utid, full_pass"
)


def fingerprint(draft: Draft) -> str:
    """What makes a finding the same one: rule, place, kind and what was found there."""
    return canonical.digest(
        canonical.encode(
            [
                draft.invariant,
                draft.kind,
                str(draft.scope),
                draft.table_name,
                draft.row_key,
                draft.found_digest,
            ]
        )
    )


def known(database: Database, draft: Draft) -> bool:
    """Whether this finding is open already."""
    return (
        database.one("SELECT 1 FROM findings WHERE fingerprint = ? AND state = 'open'", (fingerprint(draft),))
        is not None
    )


def tables_in_doubt(database: Database) -> set[str]:
    """Tables of which a row is known not to be as it was sealed, or to belong to nobody."""
    rows = database.query(
        "SELECT DISTINCT table_name FROM findings WHERE state = 'open' AND kind IN ('added', 'changed', 'deleted')"
    )
    return {str(row[0]) for row in rows}


def note(
    database: Database,
    draft: Draft,
    *,
    watermark: int,
    committed_at: Instant | None,
    seen_at: Instant,
) -> Finding | None:
    """Keep a finding, in the caller's transaction; None when the same is open already."""
    last = database.one("SELECT coalesce(max(id), 0) FROM findings")
    identifier = 1 + int(str(last[0] if last else 0))
    changed = database.execute(
        f"INSERT INTO findings (fingerprint, {_COLUMNS}) VALUES "
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', NULL, NULL, NULL, ?) "
        "ON CONFLICT (fingerprint) WHERE state = 'open' DO NOTHING",
        (
            fingerprint(draft),
            identifier,
            draft.invariant,
            draft.kind,
            str(draft.scope),
            " ".join(sorted(draft.classes)),
            draft.account,
            draft.table_name,
            draft.row_key,
            draft.expected,
            draft.found,
            draft.found_digest,
            draft.sealed_log,
            draft.sealed_index,
            INVARIANTS[draft.invariant].severity,
            draft.detail,
            watermark,
            committed_at,
            seen_at,
            passes.newest_begun(database),
        ),
    )
    return get(database, identifier) if changed == 1 else None


def get(database: Database, finding_id: int) -> Finding | None:
    """One finding."""
    row = database.one(f"SELECT {_COLUMNS} FROM findings WHERE id = ?", (finding_id,))
    return None if row is None else _finding(row)


def open_findings(
    database: Database,
    *,
    invariant: str | None = None,
    scope: str | None = None,
    after: int = 0,
    limit: int = 500,
) -> list[Finding]:
    """A page of the open findings, oldest first, after the one named; of one rule and scope when given."""
    rows = database.query(
        f"SELECT {_COLUMNS} FROM findings WHERE state = 'open' AND (? IS NULL OR invariant = ?) "
        "AND (? IS NULL OR scope = ?) AND id > ? ORDER BY id LIMIT ?",
        (invariant, invariant, scope, scope, after, limit),
    )
    return [_finding(row) for row in rows]


def stopping(database: Database) -> list[tuple[str, str, frozenset[OperationClass], str, int]]:
    """What all open findings together stop: rule, scope, classes, one finding's detail, and the newest one's number."""
    rows = database.query(
        "SELECT invariant, scope, classes, min(detail), max(id) FROM findings WHERE state = 'open' "
        "GROUP BY invariant, scope, classes ORDER BY invariant, scope LIMIT ?",
        (_STOPS_MAX,),
    )
    return [
        (
            str(invariant),
            str(scope),
            frozenset(OperationClass(name) for name in str(classes).split()),
            str(detail),
            int(str(newest)),
        )
        for invariant, scope, classes, detail, newest in rows
    ]


def latest(database: Database, *, limit: int = 20) -> list[Finding]:
    """The newest findings, open or not."""
    rows = database.query(f"SELECT {_COLUMNS} FROM findings ORDER BY id DESC LIMIT ?", (limit,))
    return [_finding(row) for row in rows]


def count(database: Database, *, state: str) -> int:
    """How many findings are in this state."""
    row = database.one("SELECT count(*) FROM findings WHERE state = ?", (state,))
    return int(str(row[0])) if row else 0


def close(database: Database, finding_id: int, *, state: str, by: str, utid: str | None, at: Instant) -> bool:
    """Close an open finding, in the caller's transaction; False when it was closed already."""
    if state not in CLOSED_STATES:
        raise ValueError(f"a finding closes as one of {', '.join(CLOSED_STATES)}")
    changed = database.execute(
        "UPDATE findings SET state = ?, closed_at = ?, closed_by = ?, closing_utid = ? WHERE id = ? AND state = 'open'",
        (state, at, by, utid, finding_id),
    )
    return changed == 1


def _finding(row: tuple[object, ...]) -> Finding:
    def text(value: object) -> str | None:
        return None if value is None else str(value)

    def instant(value: object) -> Instant | None:
        return None if value is None else Instant(int(str(value)))

    return Finding(
        id=int(str(row[0])),
        invariant=str(row[1]),
        kind=str(row[2]),
        scope=str(row[3]),
        classes=frozenset(OperationClass(name) for name in str(row[4]).split(" ")),
        account=text(row[5]),
        table_name=str(row[6]),
        row_key=str(row[7]),
        expected=str(row[8]),
        found=str(row[9]),
        found_digest=str(row[10]),
        sealed_log=text(row[11]),
        sealed_index=None if row[12] is None else int(str(row[12])),
        severity=str(row[13]),
        detail=str(row[14]),
        watermark=int(str(row[15])),
        committed_at=instant(row[16]),
        seen_at=Instant(int(str(row[17]))),
        state=str(row[18]),
        closed_at=instant(row[19]),
        closed_by=text(row[20]),
        closing_utid=text(row[21]),
        full_pass=int(str(row[22])),
    )
