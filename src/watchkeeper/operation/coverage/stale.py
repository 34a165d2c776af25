"""Proofs that no longer count are told, in one alert; they contain nothing (catalogue, Findings and verdicts)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from watchkeeper.base import settings
from watchkeeper.base.clock import SECONDS_PER_HOUR, Clock, Instant, later
from watchkeeper.base.database import SqliteDatabase, engine_of
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.operation import authority
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.coverage import proofs, rows
from watchkeeper.operation.coverage.rows import PROOF_DAYS_MAX, PROVEN, Row

CONDITION = "proof stale"
#: A new system's drills have so long to be run.
FIRST_SECONDS_MAX = 24 * SECONDS_PER_HOUR
_DAYS_MOST = 3650
_NAMED_MAX = 5


def days_max(data: Path) -> int:
    """How many days a proof counts: `[drills] proof_days_max`. Raises `SettingsWrong`."""
    table = settings.read(data).get("drills", {})
    settings.known(table, frozenset({"proof_days_max"}), where="[drills]")
    found = settings.whole(table, "proof_days_max", default=PROOF_DAYS_MAX)
    if not 1 <= found <= _DAYS_MOST:
        raise SettingsWrong(f"proof_days_max is 1 to {_DAYS_MOST} days")
    return found


def trouble(found: Sequence[Row], *, made_at: Instant, at: Instant) -> str:
    """What of the catalogue has no proof that counts, in words; empty when all has, or the system is too new to.

    Rows that wait for a capability are not counted: nobody can prove them yet.
    """
    open_ones = [row for row in found if row.state != PROVEN and not row.waits_for]
    if not open_ones:
        return ""
    if all(row.proved_at is None for row in open_ones) and at < later(made_at, seconds=FIRST_SECONDS_MAX):
        return ""
    named = ", ".join(f"{row.kind} {row.id}" for row in open_ones[:_NAMED_MAX])
    more = f" and {len(open_ones) - _NAMED_MAX} more" if len(open_ones) > _NAMED_MAX else ""
    return f"{len(open_ones)} of {len(found)} rows of the catalogue have no proof that counts: {named}{more}"


def tell(data: Path, database: SqliteDatabase, *, clock: Clock) -> None:
    """Raise the alert while proofs are stale, once; resolve it when a look finds none any more. Opens its own transaction."""
    at = clock.now()
    try:
        days = days_max(data)
        words = trouble(
            rows.rows(database, engine=engine_of(data), clock=clock, days_max=days),
            made_at=proofs.kept_since(database),
            at=at,
        )
    except SettingsWrong as error:
        words = f"how long a proof counts cannot be told: {error}"
    with database.transaction("write"):
        alert = alerts.of(database, condition=CONDITION, scope="everything")
        if words and alert is None:
            alerts.raise_alert(
                database,
                condition=CONDITION,
                scope="everything",
                severity="medium",
                title="What the watch would see is not proven any more",
                detail=f"{words}. Run `watchkeeper drill all`; nothing stops meanwhile.",
                playbook="",
                finding_ids=(),
                by=authority.TELL.cited,
                at=at,
            )
        elif not words and alert is not None:
            alerts.resolve(
                database,
                alert.id,
                by=authority.TELL.cited,
                reason="every row that can be proven has a proof that counts",
                causes=(),
                at=at,
            )
