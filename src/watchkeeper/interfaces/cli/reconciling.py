"""`reconcile`: the books beside a provider's statement."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.base.clock import SECONDS_PER_HOUR, Instant, NotADay, day_begins, iso, later
from watchkeeper.base.money import ugx
from watchkeeper.interfaces.cli.shared import DEFAULT_DATA, AsJson, Data, actor, answer, room, table
from watchkeeper.interfaces.control_room import ControlRoom
from watchkeeper.market.reconciliation import files, reading, rules, running
from watchkeeper.market.reconciliation.maps import MapWrong
from watchkeeper.market.reconciliation.statements import Statement, StatementWrong, parse
from watchkeeper.market.refusals import Refusal

_SHOWN_MAX = 200
_DIFFERS = 1
_TROUBLE = (rules.DIFFERENT, rules.MISSING_IN_BOOKS, rules.MISSING_IN_STATEMENT)
_WORDS = {
    rules.MATCHED: "matched",
    rules.DIFFERENT: "different",
    rules.MISSING_IN_BOOKS: "missing in the books",
    rules.MISSING_IN_STATEMENT: "missing in the statement",
}


def reconcile(
    file: Annotated[Path, typer.Argument(help="The statement, as CSV.", metavar="STATEMENT.CSV")],
    column_map: Annotated[
        str, typer.Option("--map", help="mtn, airtel, or a file of your own in TOML or JSON.", metavar="MAP")
    ],
    first: Annotated[
        str, typer.Option("--from", help="The statement's first day, YYYY-MM-DD in Kampala.")
    ] = "",
    last: Annotated[str, typer.Option("--to", help="Its last day, itself included.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compare only: write nothing, and nobody need sign in.")
    ] = False,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Compare the money in the books with a provider's statement, by the provider's references.

    Example: watchkeeper reconcile november.csv --map mtn --dry-run

    Then name the days that the statement is of (--from 2026-11-01 --to 2026-11-30), and leave --dry-run out to keep what
    was found: that needs `watchkeeper login`. Without days the time is that of the first and the last payment in the file.
    What was booked within an hour of its ends may stand in the neighbouring statement and is not missed.

    A payment is known by its reference. Nothing is written when any row is not understood. The same file again is
    answered as the first time, and one that broke off goes on.

    A map of your own is for every other statement, and for columns that the provider has renamed. It is a file with
    provider (mtn, airtel, bank), date_formats, and a table [columns] with the names of reference, date, and either amount
    or credit and debit; docs/operating.md has one to copy.

    What no statement will ever match (a fee, a wrong amount, money that never came) is explained payment by payment:
    `watchkeeper payment list`, `watchkeeper payment explain`.

    Exit code 0 when all match, 1 when something is different or missing, 2 or more when nothing could be compared.
    """
    statement = _read(file, column_map, first, last)
    with room(data) as control:
        if dry_run:
            found = _compared(control, statement)
        else:
            utid = control.reconcile(
                actor(control, data, code="", fresh=False),
                statement,
                progress=lambda done, total: _progress(done, total, "written"),
            )
            found = _kept(control, utid)
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    answer(found, as_json=as_json, text=_text(found))
    if any(found[kind] for kind in _TROUBLE):
        raise typer.Exit(_DIFFERS)


def _read(file: Path, column_map: str, first: str, last: str) -> Statement:
    try:
        since = _day(first, hours=0)
        until = _day(last, hours=24)
        if since is not None and until is not None and since >= until:
            raise typer.BadParameter("the last day comes before the first")
        chosen = files.column_map(column_map)
        data = files.statement(file)
        return parse(
            data, chosen, first=since, end=until, progress=lambda count: _progress(count, 0, "rows read")
        )
    except (NotADay, MapWrong, StatementWrong) as error:
        raise typer.BadParameter(str(error)) from error


def _day(text: str, *, hours: int) -> Instant | None:
    return later(day_begins(text), seconds=hours * SECONDS_PER_HOUR) if text else None


def _progress(done: int, total: int, what: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{done:,}{f' of {total:,}' if total else ''} {what}")
        sys.stderr.flush()


def _compared(control: ControlRoom, statement: Statement) -> dict[str, object]:
    """What a comparison would find, in the words of one that is kept."""
    comparison = running.compare(control.books.database, statement)
    items: list[dict[str, object]] = []
    for number, item in enumerate(comparison.items, start=1):
        if item.kind in _TROUBLE and len(items) < _SHOWN_MAX:
            items.append(
                {
                    "number": number,
                    "external_ref": item.line.reference,
                    "kind": item.kind,
                    "our_utid": item.ours.utid if item.ours else None,
                    "our_direction": item.ours.direction if item.ours else None,
                    "our_amount_ugx": item.ours.amount_ugx if item.ours else None,
                    "their_direction": item.line.direction,
                    "their_amount_ugx": item.line.amount_ugx,
                    "their_at": item.line.at,
                    "explained_by": _explained(control, statement.provider, item),
                }
            )
    return _document(
        {
            "utid": None,
            "provider": statement.provider,
            "since_at": statement.since,
            "until_at": statement.until,
            "lines": len(comparison.items),
            **comparison.counts,
            "ignored": statement.ignored,
            "fees_ugx": statement.fees_ugx,
            "complete": True,
        },
        items,
    )


def _explained(control: ControlRoom, provider: str, item: rules.Item) -> str | None:
    """The UTID that has explained this payment, if any."""
    line = item.line
    known = reading.explained(control.books.database, provider, line.reference)
    theirs = None if line.direction is None or line.amount_ugx is None else (line.direction, line.amount_ugx)
    return reading.explained_by(known, None if item.ours is None else item.ours.utid, theirs)


def _kept(control: ControlRoom, utid: str) -> dict[str, object]:
    database = control.books.database
    run = reading.run(database, utid)
    if run is None:
        raise Refusal("reconciliation-not-found", "There is no such reconciliation.")
    items: list[dict[str, object]] = []
    for kind in _TROUBLE:
        items += reading.items(
            database, int(str(run["id"])), kind=kind, after=0, limit=_SHOWN_MAX - len(items)
        )
        if len(items) >= _SHOWN_MAX:
            break
    return _document({name: value for name, value in run.items() if name != "id"}, items)


def _document(run: dict[str, object], items: list[dict[str, object]]) -> dict[str, object]:
    def readable(row: dict[str, object]) -> dict[str, object]:
        return {
            name: iso(Instant(value)) if name.endswith("at") and isinstance(value, int) else value
            for name, value in row.items()
        }

    troubled = sum(int(str(run[kind])) for kind in _TROUBLE)
    return readable(run) | {
        "items": [readable(row) for row in items],
        "items_left_out": troubled - len(items),
    }


def _text(found: dict[str, object]) -> str:
    rows = found["items"]
    shown = [
        {
            "reference": row["external_ref"],
            "": _WORDS[str(row["kind"])],
            "books": _money(row["our_direction"], row["our_amount_ugx"]),
            "statement": _money(row["their_direction"], row["their_amount_ugx"]),
            "utid": row["our_utid"] or "-",
            "explained": row["explained_by"] or "-",
        }
        for row in (rows if isinstance(rows, list) else [])
    ]
    counts = ", ".join(f"{int(str(found[kind])):,} {word}" for kind, word in _WORDS.items())
    lines = [
        f"{found['provider']}, {found['since_at']} to {found['until_at']}: {counts}.",
        f"{found['ignored']} rows of the file do not count; fees {ugx(int(str(found['fees_ugx'])))}.",
    ]
    if shown:
        lines.append(table(list(shown), ("reference", "", "books", "statement", "utid", "explained")))
    if found["items_left_out"]:
        lines.append(f"... and {found['items_left_out']} more")
    utid = found["utid"]
    lines.append(
        "Nothing was written." if utid is None else f"Kept as {utid}: GET /v1/reconciliations/{utid}"
    )
    return "\n".join(lines)


def _money(direction: object, amount: object) -> str:
    return "-" if amount is None else f"{direction} {ugx(int(str(amount)))}"
