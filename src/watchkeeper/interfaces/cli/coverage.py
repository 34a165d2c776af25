"""`coverage`: every row of the catalogue with its last proof, or why there is none that counts."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import typer

from watchkeeper.base.clock import kampala
from watchkeeper.base.database import engine_of
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.interfaces.cli.shared import (
    DEFAULT_DATA,
    EXIT_UNAVAILABLE,
    AsJson,
    Data,
    answer,
    room,
    table,
)
from watchkeeper.operation.coverage import rows, stale
from watchkeeper.operation.coverage.rows import Row
from watchkeeper.operation.coverage.version import version
from watchkeeper.operation.verifier import deadlines
from watchkeeper.operation.verifier.deadlines import Deadlines

_COLUMNS = ("row", "name", "state", "verdict", "seen", "contained", "proved", "why")


def coverage(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Show each invariant, threat, metric, alert and switch with its last proof; `watchkeeper drill all` makes them.

    Exit code 1 when a row is BROKEN. UNKNOWN is a row that was never proven here, whose proof is old or of other checks, or
    that waits for a capability which is not there yet.
    """
    with room(data) as control:
        try:
            days = stale.days_max(data)
        except SettingsWrong as error:
            sys.stderr.write(f"{error}\n")
            raise typer.Exit(EXIT_UNAVAILABLE) from error
        engine = engine_of(data)
        limits = deadlines.kept(control.database)
        found = rows.rows(control.database, engine=engine, clock=control.clock, days_max=days)
        document = {
            "engine": engine,
            "version": version(),
            "proof_days_max": days,
            "deadlines": limits.document(),
            "counts": counts(found),
            "rows": [row.document() for row in found],
        }
        answer(document, as_json=as_json, text=_text(found, limits))
    raise typer.Exit(1 if any(row.state == rows.BROKEN for row in found) else 0)


def counts(found: Sequence[Row]) -> dict[str, dict[str, int]]:
    """How many rows of each kind are proven, and how many there are."""
    kinds = dict.fromkeys(row.kind for row in found)
    return {
        kind: {
            "proven": sum(row.kind == kind and row.proven for row in found),
            "rows": sum(row.kind == kind for row in found),
        }
        for kind in kinds
    }


def _text(found: Sequence[Row], limits: Deadlines) -> str:
    lines: list[Mapping[str, object]] = [
        {
            "row": f"{row.kind} {row.id}",
            "name": row.name,
            "state": row.state,
            "verdict": row.verdict,
            "seen": "" if row.detect_ms is None else f"{row.detect_ms:.1f} ms",
            "contained": "" if row.contain_ms is None else f"{row.contain_ms:.1f} ms",
            "proved": "" if row.proved_at is None else kampala(row.proved_at),
            "why": row.why,
        }
        for row in found
    ]
    sums = [f"{kind}: {many['proven']} of {many['rows']} proven" for kind, many in counts(found).items()]
    old = f"a verdict is UNKNOWN when it is older than: {limits.words()}"
    return "\n".join((table(lines, _COLUMNS), *sums, old))
