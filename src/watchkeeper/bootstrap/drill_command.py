"""`watchkeeper drill`: prove rows of the catalogue by their faults, and keep the proofs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import DatabaseError, server
from watchkeeper.bootstrap.drills import NAMES, DrillResult, prepared, run_drill, table
from watchkeeper.interfaces.cli.shared import DEFAULT_DATA, EXIT_UNAVAILABLE, Data, printable
from watchkeeper.operation import store
from watchkeeper.operation.coverage.proofs import Proof, record
from watchkeeper.operation.coverage.version import version

_HOW = (
    "PostgreSQL needs a cluster to make a database of its own in, which is dropped again: "
    "--database postgresql://SUPERUSER:PASSWORD@HOST/postgres"
)


def drill(
    name: Annotated[str, typer.Argument(help="A row of the catalogue, such as 1.2, T4.2 or M2.1, or all.")],
    engine: Annotated[
        str, typer.Option(help="sqlite or postgresql; postgresql needs --database.", show_default="sqlite")
    ] = "",
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            help="postgresql://SUPERUSER@HOST/DATABASE: use this cluster, in databases of its own that are dropped again.",
        ),
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Prove a row by its faults or signals, each in a fresh copy: seen, contained to its scope, cured, and holding again.

    Makes a day's business in a folder of its own, commits the fault as the database's owner would, requires that exactly the
    declared scope stops while a neighbour goes on, that resumption is refused before the cure and granted after it. The proofs
    are kept in the data folder when there is one; `watchkeeper coverage` shows them. Exit code 1 when a row is not proven.
    """
    url = _url(engine, database)
    wanted = list(NAMES) if name == "all" else [name]
    if wanted[0] not in NAMES:
        raise typer.BadParameter(f"there is no drill {name}; there are {', '.join(NAMES)}, and all")
    results: list[DrillResult] = []
    clock = SystemClock()
    try:
        with prepared(url, clock=clock) as market:
            for row in wanted:
                results.append(run_drill(row, market, clock=clock, say=_say))
                _keep(data, results[-1])
    except server.ServerUnfit as error:
        sys.stderr.write(f"The server cannot be used: {error}\n")
        raise typer.Exit(EXIT_UNAVAILABLE) from error
    if as_json:
        sys.stdout.write(json.dumps(document(results), indent=2) + "\n")
    else:
        sys.stdout.write(f"{table(results)}\n")
    raise typer.Exit(0 if all(result.proven for result in results) else 1)


def document(results: Sequence[DrillResult]) -> dict[str, object]:
    """All results as JSON has them."""
    return {
        "proven": all(result.proven for result in results),
        "version": version(),
        "rows": [result.document() for result in results],
    }


def _url(engine: str, database: str | None) -> str | None:
    if engine not in ("", "sqlite", "postgresql"):
        raise typer.BadParameter("the engine is sqlite or postgresql")
    if engine == "postgresql" and database is None:
        raise typer.BadParameter(_HOW)
    return None if engine == "sqlite" else database


def _say(text: str) -> None:
    # On its way; what it quotes may come from a table that somebody changed.
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def _keep(data: Path, result: DrillResult) -> None:
    if result.proved_at is None or not (data / store.FILE_NAME).exists():
        return
    try:
        room = store.open_store(data)
        try:
            with room.transaction("write"):
                record(room, _proof(result))
        finally:
            room.close()
    except DatabaseError as error:
        sys.stderr.write(f"The proof of {result.id} could not be kept in {data}: {error}\n")
        raise typer.Exit(EXIT_UNAVAILABLE) from error


def _proof(result: DrillResult) -> Proof:
    if result.proved_at is None:
        raise ValueError("a drill that did not end proves nothing")
    return Proof(
        kind=result.kind,
        id=result.id,
        engine=result.engine,
        proven=result.proven,
        faults=len(result.faults),
        detect_us=_microseconds(result.detect_ms),
        contain_us=_microseconds(result.contain_ms),
        version=version(),
        detail=result.detail,
        proved_at=result.proved_at,
    )


def _microseconds(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else round(milliseconds * 1000)
