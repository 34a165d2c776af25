"""`watchkeeper database`: PostgreSQL beneath the books."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import DatabaseError, engine_of, open_database, server
from watchkeeper.base.database.schema import keep_reference
from watchkeeper.bootstrap import moving, only_one, setup
from watchkeeper.interfaces.cli.shared import (
    DEFAULT_DATA,
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    AsJson,
    Code,
    Data,
    Reason,
    actor,
    answer,
    room,
)
from watchkeeper.market.setup import MarketExists

database_app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Keep the books in PostgreSQL 15 or newer. The control room's own store and the seals stay files: they must "
        "share no fate with what they watch."
    ),
)
Address = Annotated[
    str,
    typer.Argument(
        envvar="WATCHKEEPER_DATABASE",
        help="postgresql://SUPERUSER:PASSWORD@HOST/DATABASE; used once, to make roles and schemas.",
    ),
]


def _failed(text: object, code: int) -> typer.Exit:
    sys.stderr.write(f"{text}\n")
    return typer.Exit(code)


@database_app.command("init")
def init(url: Address, data: Data = DEFAULT_DATA) -> None:
    """Set up a new market with its books in this database; `./run` then starts it.

    Makes four roles named after the database: owner (migrations and repairs), market (appends), watch (reads the published
    views), control (restricts). Their addresses are kept in database.toml in the data folder, readable by you alone.
    """
    if setup.exists(data):
        raise _failed(f"There is a market in {data} already.", EXIT_REFUSED)
    try:
        setup.create(data, clock=SystemClock(), database_url=url)
    except (DatabaseError, MarketExists, setup.FolderInUse) as error:
        raise _failed(error, EXIT_UNAVAILABLE) from error
    sys.stdout.write(f"Set up in {data}. Start it with ./run --data {data}\n")


@database_app.command("upgrade")
def upgrade(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Run the migrations that did not run yet, with the owner's credential, and keep what the schema is made of now."""
    _on_server(data)
    try:
        database = open_database(data, "market", role="owner")
        try:
            with database.transaction("write"):
                ran = server.upgrade_in(database, data, clock=SystemClock())
                keep_reference(database, data)
        finally:
            database.close()
    except DatabaseError as error:
        raise _failed(error, EXIT_UNAVAILABLE) from error
    answer(ran, as_json=as_json, text="\n".join(ran) or "Everything has run.")


@database_app.command("check")
def check(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Say what is missing: roles that do not get in, migrations that did not run, roles that may too much. Exit code 1 then."""
    _on_server(data)
    try:
        problems = server.missing(data)
    except DatabaseError as error:
        raise _failed(error, EXIT_UNAVAILABLE) from error
    answer(problems, as_json=as_json, text="\n".join(problems) or "Nothing is missing.")
    raise typer.Exit(1 if problems else 0)


@database_app.command("move")
def move(url: Address, data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Move an embedded market into this empty database. Stop ./run first.

    Every row is checked against its seal before and after; the seals go on. The old files stay beside the new ones, renamed.
    """
    if not setup.exists(data):
        raise _failed(f"There is no market in {data}.", EXIT_UNAVAILABLE)
    try:
        only_one.take(data)
        rows = moving.move(
            data, url, clock=SystemClock(), say=lambda text: print(text, file=sys.stderr, flush=True)
        )
    except only_one.AlreadyRunning as error:
        raise _failed("This market runs. Stop ./run first.", EXIT_REFUSED) from error
    except (moving.MoveRefused, DatabaseError) as error:
        raise _failed(error, EXIT_REFUSED) from error
    answer({"rows": rows}, as_json=as_json, text=f"{rows:,} rows are in PostgreSQL; all checks hold there.")


@database_app.command("confirm")
def confirm(reason: Reason, code: Code = "", data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Believe a database server that was promoted or restored, after comparing what it holds with the seals.

    Until then the gate lets nothing pass. Have a full pass run first: watchkeeper check --full
    """
    with room(data) as control:
        changed = control.confirm_server(actor(control, data, code=code, fresh=True), reason=reason)
        text = "The server is believed; business goes on." if changed else "There was nothing to confirm."
        answer({"confirmed": changed}, as_json=as_json, text=text)


def _on_server(data: Path) -> None:
    if engine_of(data) != "postgresql":
        raise _failed(f"The market in {data} is embedded, or there is none.", EXIT_REFUSED)
