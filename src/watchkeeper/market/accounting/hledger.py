"""The books as a plain-text journal that stock hledger reads and checks.

Every account ends with an assertion of the balance that stands in the market's own books, so `hledger check` says
whether the two agree.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.base.clock import FIRST_INSTANT, LAST_INSTANT, Instant, kampala
from watchkeeper.base.database import Database
from watchkeeper.market.accounting.entries import LEDGERS, Balances, entries, horizon, opening
from watchkeeper.market.accounting.postings import OPENING, account, postings

_WIDTH = 52


def journal(
    database: Database, *, since: Instant = FIRST_INSTANT, until: Instant = LAST_INSTANT
) -> Iterator[str]:
    """The lines of a journal of the entries with `since` <= at < `until`; amounts in whole UGX, days as in Kampala."""
    upto = horizon(database)
    yield "; The market's ledgers, written by watchkeeper export. Debits are positive."
    yield "commodity UGX 1,000."
    yield ""
    last = since
    closing: dict[str, int] = {}
    for ledger in LEDGERS:
        standing = opening(database, ledger, before=since)
        yield from _opening(ledger.role, standing, at=since)
        for entry in entries(database, ledger, upto, since=since, until=until):
            before = standing.get(entry.alias, Balances())
            yield from _transaction(
                entry.at,
                entry.utid,
                f"{entry.type} {entry.reference}".strip(),
                postings(entry, before, role=ledger.role),
            )
            standing[entry.alias] = entry.after
            last = max(last, entry.at)
        for alias, balances in standing.items():
            for bucket in ("capital", "locked", "profit") if ledger.role == "traders" else ("earnings",):
                closing[account(ledger.role, alias, bucket)] = -balances.named().get(bucket, 0)
    yield from _assertions(closing, at=last)


def _day(at: Instant) -> str:
    return kampala(at).split(" ", maxsplit=1)[0]


def _opening(role: str, standing: dict[str, Balances], *, at: Instant) -> Iterator[str]:
    found = [
        (account(role, alias, bucket), -amount)
        for alias, balances in standing.items()
        for bucket, amount in balances.named().items()
    ]
    if found:
        yield from _transaction(
            at, "", f"what {role} had before", [*found, (OPENING, -sum(amount for _, amount in found))]
        )


def _transaction(at: Instant, code: str, words: str, lines: list[tuple[str, int]]) -> Iterator[str]:
    yield f"{_day(at)} {f'({_plain(code)}) ' if code else ''}{_plain(words)}"
    for name, amount in lines:
        yield f"    {_name(name):<{_WIDTH}}  UGX {amount}"
    yield ""


def _assertions(closing: dict[str, int], *, at: Instant) -> Iterator[str]:
    if not closing:
        return
    yield f"{_day(at)} what stands in the market's own books"
    for name, amount in sorted(closing.items()):
        yield f"    {_name(name):<{_WIDTH}}  UGX 0 = UGX {amount}"
    yield ""


def _name(account_name: str) -> str:
    # Two spaces end an account's name.
    return _plain(account_name).replace(" ", "_")


def _plain(text: str) -> str:
    """Text that ends no line and begins no comment, whatever a tampered row holds."""
    return "".join(
        character if character.isascii() and character.isprintable() and character not in ";()|" else "_"
        for character in text
    )
