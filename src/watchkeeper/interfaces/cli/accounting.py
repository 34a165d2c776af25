"""`export` and `statement`: the books for an accountant."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.base.clock import (
    FIRST_INSTANT,
    LAST_INSTANT,
    SECONDS_PER_HOUR,
    Instant,
    NotADay,
    day_begins,
    kampala,
    later,
)
from watchkeeper.base.money import ugx
from watchkeeper.interfaces.cli.shared import DEFAULT_DATA, AsJson, Data, answer, room, say, table
from watchkeeper.market.accounting import csvfiles, hledger
from watchkeeper.market.accounting.statement import LEDGERS, Statement, statement
from watchkeeper.market.refusals import Refusal

From = Annotated[
    str,
    typer.Option("--from", help="The first day, YYYY-MM-DD in Kampala; from the beginning when left out."),
]
To = Annotated[str, typer.Option("--to", help="The last day, itself included; until now when left out.")]
_LINES_SHOWN_EACH = 50_000


def _span(first: str, last: str) -> tuple[Instant, Instant]:
    try:
        since = day_begins(first) if first else FIRST_INSTANT
        until = later(day_begins(last), seconds=24 * SECONDS_PER_HOUR) if last else LAST_INSTANT
    except NotADay as error:
        raise typer.BadParameter(str(error)) from error
    if since >= until:
        raise typer.BadParameter("the last day comes before the first")
    return since, until


def export(
    into: Annotated[Path, typer.Argument(help="A folder that is not there yet; it is made.")],
    first: From = "",
    last: To = "",
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Write the books out: market.journal for hledger, and a CSV file for each table.

    `hledger -f INTO/market.journal check` says whether its own sums agree with the balances that stand in the market's
    books; `hledger -f INTO/market.journal balance` shows them. No identity is in the files, aliases only. They hold
    amounts of everyone, so the folder is for its owner alone.
    """
    since, until = _span(first, last)
    with room(data) as control:
        try:
            into.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            raise typer.BadParameter(f"{into} is there already; name a new folder") from None
        database = control.books.database
        written = 0
        with (into / "market.journal").open("x", encoding="ascii") as file:
            for line in hledger.journal(database, since=since, until=until):
                file.write(f"{line}\n")
                written += 1
                if written % _LINES_SHOWN_EACH == 0 and sys.stderr.isatty():
                    sys.stderr.write(f"\r{written:,} lines")
        rows = csvfiles.write(database, into, since=since, until=until)
        answer(
            {"folder": str(into), "journal_lines": written, "rows": rows},
            as_json=as_json,
            text=f"{sum(rows.values()):,} rows in {len(rows)} files, and market.journal, are in {into}.\n"
            f"Check it: hledger -f {into}/market.journal check",
        )


def show_statement(
    alias: Annotated[str, typer.Argument(help="A trader's or farmer's alias.")],
    first: From = "",
    last: To = "",
    ledger: Annotated[
        str,
        typer.Option("--ledger", help="wallet or farmer; by the present role when left out."),
    ] = "",
    csv: Annotated[bool, typer.Option("--csv", help="Write CSV.")] = False,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Show what an account did in a time: the balances before, each entry, the balances after.

    Whoever has another role now had another ledger before; name it.
    """
    since, until = _span(first, last)
    if ledger not in ("", *LEDGERS):
        raise typer.BadParameter(f"a ledger is one of {', '.join(LEDGERS)}")
    with room(data) as control:
        user = control.books.user_by_alias(alias)
        if user is None:
            raise Refusal("user-not-found", "There is no such account.")
        found = statement(control.books.database, user, since=since, until=until, ledger=ledger)
        if csv:
            sys.stdout.writelines(found.csv())
        elif as_json:
            answer(found.document(), as_json=True, text="")
        else:
            say(_text(found))


def _text(found: Statement) -> str:
    rows: list[dict[str, object]] = [
        {
            "at": kampala(entry.at),
            "type": entry.type,
            "amount": ugx(entry.amount_ugx),
            **{bucket: ugx(getattr(entry.after, bucket)) for bucket in found.buckets},
            "utid": entry.utid,
        }
        for entry in found.entries
    ]
    before = ", ".join(f"{bucket} {ugx(getattr(found.before, bucket))}" for bucket in found.buckets)
    after = ", ".join(f"{bucket} {ugx(getattr(found.after, bucket))}" for bucket in found.buckets)
    return "\n".join(
        [
            f"{found.alias} ({found.role}), {found.ledger} ledger",
            f"Before: {before}",
            table(list(rows), ("at", "type", "amount", *found.buckets, "utid")),
            f"After:  {after}",
        ]
    )
