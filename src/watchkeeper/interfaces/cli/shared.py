"""What every command shares: where the data is, how answers are printed, who acts, and how refusals end."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import DatabaseError, engine_of, file_of
from watchkeeper.boundary.gatestore import GateBusy, GateUnreadable
from watchkeeper.interfaces.control_base import Actor
from watchkeeper.interfaces.control_room import ControlRoom
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin.sign_in import HOST
from watchkeeper.operation.alerts.life import NoSuchAlert
from watchkeeper.operation.incidents.life import NoSuchIncident
from watchkeeper.operation.playbooks.deskwork import DeskRefused
from watchkeeper.operation.playbooks.runs import NoSuchRun

SESSION_FILE = "operator-session"
EXIT_REFUSED = 3
EXIT_UNAVAILABLE = 4

Data = Annotated[
    Path, typer.Option("--data", envvar="WATCHKEEPER_DATA", help="The data folder.", show_default=True)
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON, for programs.")]
Code = Annotated[
    str,
    typer.Option(
        "--code", help="Six fresh digits of your second factor; asked for when it is needed and missing."
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why, in at least 10 characters; it stays on record.")]
DEFAULT_DATA = Path("data")


def printable(text: str) -> str:
    """Text that commands nothing of a terminal: what has no picture is written as its escape."""
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def say(text: str = "") -> None:
    """A line for a person. What it quotes may come from anybody, so it is made harmless."""
    sys.stdout.write(printable(text) + "\n")


def answer(document: object, *, as_json: bool, text: str) -> None:
    """Print one answer."""
    say(json.dumps(document, indent=2, default=str, ensure_ascii=False) if as_json else text)


def table(rows: list[Mapping[str, object]], columns: tuple[str, ...]) -> str:
    """Rows as aligned columns."""
    if not rows:
        return "(none)"
    cells = [[str(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(column), *(len(line[i]) for line in cells)) for i, column in enumerate(columns)]
    lines = ["  ".join(column.upper().ljust(width) for column, width in zip(columns, widths, strict=True))]
    lines += [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


@contextmanager
def room(data: Path) -> Iterator[ControlRoom]:
    """The control room over a data folder; every refusal ends the command with its words and exit code 3."""
    if engine_of(data) == "sqlite" and not file_of(data, "market").is_file():
        sys.stderr.write(
            f"There is no market in {data}. Start one with ./run, or name its folder with --data.\n"
        )
        raise typer.Exit(EXIT_UNAVAILABLE)
    try:
        opened = ControlRoom(data, clock=SystemClock())
    except DatabaseError as error:
        sys.stderr.write(f"The data folder cannot be opened: {error}\n")
        raise typer.Exit(EXIT_UNAVAILABLE) from error
    try:
        yield opened
    except (DeskRefused, Refusal) as error:
        sys.stderr.write(f"{error.code}: {error.detail}\n")
        raise typer.Exit(EXIT_REFUSED) from error
    except (NoSuchAlert, NoSuchIncident, NoSuchRun) as error:
        sys.stderr.write(f"not-found: {error}\n")
        raise typer.Exit(EXIT_REFUSED) from error
    except (DatabaseError, GateBusy, GateUnreadable) as error:
        sys.stderr.write(f"unavailable: {error}\n")
        raise typer.Exit(EXIT_UNAVAILABLE) from error
    finally:
        opened.close()


def keep_token(data: Path, token: str) -> None:
    """Keep the operator's session for the next commands; for its owner alone."""
    path = data / "run" / SESSION_FILE
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token)


def token_of(data: Path) -> str:
    """The kept session, or `DeskRefused`."""
    try:
        return (data / "run" / SESSION_FILE).read_text(encoding="ascii")
    except FileNotFoundError:
        raise DeskRefused("unauthenticated", "Sign in first: watchkeeper login.") from None


def actor(control: ControlRoom, data: Path, *, code: str, fresh: bool) -> Actor:
    """The operator who is signed in here, with a fresh second factor when the act needs one."""
    found = control.actor(token_of(data))
    if code or (fresh and not found.operator.fresh):
        digits = code or str(typer.prompt("Six digits of your second factor", hide_input=True, err=True))
        control.gatekeeper.refresh(found.session, code=digits.replace(" ", ""), address=HOST)
        found = control.actor_again(found)
    return found
