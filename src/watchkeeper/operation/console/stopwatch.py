"""From commit to seen, contained and told: how long each took, for the newest findings."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.verifier import findings


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Instants of one finding's way; milliseconds count from the commit, or from being seen when that is unknown."""

    finding_id: int
    invariant: str
    scope: str
    state: str
    committed_at: Instant | None
    seen_at: Instant
    contained_at: Instant | None
    told_at: Instant | None

    def milliseconds(self, what: str) -> float | None:
        """From the commit to `seen`, `contained` or `told`."""
        at = {"seen": self.seen_at, "contained": self.contained_at, "told": self.told_at}[what]
        begin = self.committed_at if self.committed_at is not None else self.seen_at
        return None if at is None else (at - begin) / 1000

    def text(self, what: str) -> str:
        """The same for people."""
        found = self.milliseconds(what)
        if found is None:
            return "not yet"
        return f"{found:.0f} ms" if found < 10_000 else f"{found / 1000:.1f} s"


def latest(database: Database, *, limit: int) -> list[Stopwatch]:
    """The newest findings' ways."""
    found: list[Stopwatch] = []
    for finding in findings.latest(database, limit=limit):
        row = database.one(
            "SELECT min(o.delivered_at) FROM alert_findings f JOIN outbox o ON o.event_id = f.event_id "
            "WHERE f.finding_id = ? AND o.state = 'delivered'",
            (finding.id,),
        )
        told = None if row is None or row[0] is None else Instant(int(str(row[0])))
        found.append(
            Stopwatch(
                finding.id,
                finding.invariant,
                finding.scope,
                finding.state,
                finding.committed_at,
                finding.seen_at,
                imposing.contained_at(database, finding.id),
                told,
            )
        )
    return found
