"""The `watchkeeper` command: the operator's commands, and those that need everything wired."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import pyotp
import typer

from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import Engine, server
from watchkeeper.bootstrap import logs
from watchkeeper.bootstrap.bench import detect, locks, verify
from watchkeeper.bootstrap.bench.books import BenchFailed
from watchkeeper.bootstrap.database_command import database_app
from watchkeeper.bootstrap.demo.show import operator_secret
from watchkeeper.bootstrap.drill_command import drill
from watchkeeper.interfaces.cli.main import app
from watchkeeper.interfaces.cli.shared import EXIT_UNAVAILABLE

__all__ = ["app", "main"]

bench_app = typer.Typer(no_args_is_help=True, help="Measure on this machine, with everything real.")
app.add_typer(bench_app, name="bench")
app.add_typer(database_app, name="database")
app.command()(drill)


Server = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="postgresql://SUPERUSER@HOST/DATABASE: use this cluster, in a database of its own that is dropped again.",
    ),
]


def _print(document: object) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


@contextmanager
def _failing_in_words() -> Iterator[None]:
    """What keeps a measurement from its end is said in a line, and the exit code tells whether it was the server."""
    try:
        yield
    except BenchFailed as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(1) from error
    except server.ServerUnfit as error:
        sys.stderr.write(f"The server cannot be used: {error}\n")
        raise typer.Exit(EXIT_UNAVAILABLE) from error


@bench_app.command("locks")
def bench_locks(
    number: Annotated[int, typer.Option(min=1, help="Locks for each batch size.")] = 1000,
    database: Server = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Locks per second: one by one, and in batches of 10 and 100, each durable when it is answered."""
    with _failing_in_words():
        found = locks.measure(clock=SystemClock(), locks=number, database_url=database)
    if as_json:
        _print(found)
        return
    figures = found["figures"]
    if isinstance(figures, dict):
        for name, figure in figures.items():
            sys.stdout.write(f"{name:<10} {figure['locks_per_second']:>7} locks/s\n")
    sys.stdout.write(f"{found['durability']}\n")


@bench_app.command("detect")
def bench_detect(
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Faults of each class.")] = 10,
    database: Server = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """From a fault's commit to its restriction and to a webhook's receiver, for each class of fault."""
    with _failing_in_words():
        found = detect.measure(
            rounds=rounds, say=lambda text: print(text, file=sys.stderr), database_url=database
        )
    if as_json:
        _print(found)
        return
    classes = found["classes"]
    if isinstance(classes, dict):
        for name, figure in classes.items():
            sys.stdout.write(
                f"{name:<22} restriction {figure['restriction_ms']}  webhook {figure['webhook_ms']}\n"
            )
    sys.stdout.write(f"{found['durability']}\n")


@bench_app.command("verify")
def bench_verify(
    rows: Annotated[
        list[int] | None,
        typer.Option(
            min=1000, max=20_000_000, help="Ledger entries; give it again for each size.", show_default=False
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            help="sqlite, postgresql or both; by default the one that --database leads to.",
            show_default=False,
        ),
    ] = "",
    database: Server = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Keep the made market in this folder, or go on with the one that is there."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """What checking costs by the size of the books: each new row, a full pass, and the engine's own query beside it.

    Makes a market and lets it grow to each size, all by its own rules. The default sizes, up to five million entries, take an
    hour or so and 15 GB.
    """
    with _failing_in_words():
        found = verify.measure(
            clock=SystemClock(),
            say=lambda text: print(text, file=sys.stderr, flush=True),
            sizes=rows or verify.SIZES,
            engines=_engines(engine, database),
            database_url=database,
            folder=folder,
        )
    if as_json:
        _print(found)
        return
    sys.stdout.write(f"{verify.table(found)}\n")


def _engines(wanted: str, database: str | None) -> tuple[Engine, ...]:
    if wanted not in ("", "sqlite", "postgresql", "both"):
        raise typer.BadParameter("the engine is sqlite, postgresql or both")
    if wanted in ("postgresql", "both") and database is None:
        raise typer.BadParameter("PostgreSQL needs --database postgresql://SUPERUSER:PASSWORD@HOST/postgres")
    if wanted == "both":
        return ("sqlite", "postgresql")
    if wanted == "postgresql" or (not wanted and database is not None):
        return ("postgresql",)
    return ("sqlite",)


@app.command("demo-code")
def demo_code(
    data: Annotated[
        Path, typer.Option("--data", envvar="WATCHKEEPER_DATA", help="The demonstration's data folder.")
    ] = Path("data-demo"),
) -> None:
    """The six digits of the demonstration's made-up operator, as their phone would show them."""
    secret = operator_secret(data)
    if secret is None:
        sys.stderr.write("No demonstration was started in this folder: ./run --demo\n")
        raise typer.Exit(4)
    sys.stdout.write(f"{pyotp.TOTP(secret).now()}\n")


def main() -> None:
    """Run the command line. What it answers is on standard output alone; what goes wrong inside is logged beside it."""
    logs.configure(None, level=logging.ERROR)
    app(prog_name="watchkeeper")


if __name__ == "__main__":
    main()
