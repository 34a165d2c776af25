"""Proofs of drills as rows: the last one of each row of the catalogue and engine, proven or not."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database, Engine

_DETAIL_LENGTH_MAX = 1000
#: More rows than the catalogue has on both engines.
_ROWS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Proof:
    """What one drill showed: on which engine, at the slowest of its faults, against which version of the checks.

    `detect_us` and `contain_us` are microseconds from a fault's commit, None when it was not seen or not contained.
    """

    kind: str
    id: str
    engine: Engine
    proven: bool
    faults: int
    detect_us: int | None
    contain_us: int | None
    version: str
    detail: str
    proved_at: Instant


def record(database: Database, proof: Proof) -> None:
    """Keep a proof in the caller's transaction, in place of the one before it."""
    database.execute(
        "INSERT INTO drill_proofs (kind, id, engine, proven, faults, detect_us, contain_us, version, detail, proved_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, id, engine) DO UPDATE SET proven = excluded.proven, "
        "faults = excluded.faults, detect_us = excluded.detect_us, contain_us = excluded.contain_us, "
        "version = excluded.version, detail = excluded.detail, proved_at = excluded.proved_at",
        (
            proof.kind,
            proof.id,
            proof.engine,
            int(proof.proven),
            proof.faults,
            proof.detect_us,
            proof.contain_us,
            proof.version,
            proof.detail[:_DETAIL_LENGTH_MAX],
            proof.proved_at,
        ),
    )


def recorded(database: Database, *, engine: Engine) -> dict[tuple[str, str], Proof]:
    """The last proof of each row on this engine: (kind, id) -> proof."""
    rows = database.query(
        "SELECT kind, id, engine, proven, faults, detect_us, contain_us, version, detail, proved_at FROM drill_proofs "
        "WHERE engine = ? ORDER BY kind, id LIMIT ?",
        (engine, _ROWS_MAX),
    )
    found: dict[tuple[str, str], Proof] = {}
    for row in rows:
        proof = Proof(
            kind=str(row[0]),
            id=str(row[1]),
            engine=engine,
            proven=row[3] == 1,
            faults=int(str(row[4])),
            detect_us=None if row[5] is None else int(str(row[5])),
            contain_us=None if row[6] is None else int(str(row[6])),
            version=str(row[7]),
            detail=str(row[8]),
            proved_at=Instant(int(str(row[9]))),
        )
        found[proof.kind, proof.id] = proof
    return found


def kept_since(database: Database) -> Instant:
    """Since when this control room keeps proofs: before that nothing can have been proven to it."""
    row = database.one("SELECT min(ran_at) FROM schema_migrations WHERE name LIKE '%coverage%'")
    return Instant(0 if row is None or row[0] is None else int(str(row[0])))
