"""What somebody's account did in a time: what stood before, each entry, what stands after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from watchkeeper.base.clock import Instant, iso
from watchkeeper.base.database import Database
from watchkeeper.market.accounting import csvfiles
from watchkeeper.market.accounting.entries import FARMERS, WALLETS, Balances, Entry, entries, horizon, opening
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import User

#: A statement with more entries than this is asked for in parts.
ENTRIES_MAX = 20_000
#: The ledgers by the names that people ask for, and the balances that each has.
LEDGERS = {"wallet": (WALLETS, ("capital", "locked", "profit")), "farmer": (FARMERS, ("earnings",))}
_OF_ROLE = {"trader": "wallet", "farmer": "farmer"}


@dataclass(frozen=True, slots=True)
class Statement:
    """An account's statement; amounts in UGX. `buckets` names the balances that this kind of account has."""

    alias: str
    role: str
    ledger: str
    since: Instant
    until: Instant
    buckets: tuple[str, ...]
    before: Balances
    entries: list[Entry]

    @property
    def after(self) -> Balances:
        """What stands at the end."""
        return self.entries[-1].after if self.entries else self.before

    def document(self) -> dict[str, object]:
        """The statement for programs; instants in RFC 3339."""
        return {
            "account": self.alias,
            "role": self.role,
            "ledger": self.ledger,
            "from": iso(self.since),
            "until": iso(self.until),
            "before": self._balances(self.before),
            "after": self._balances(self.after),
            "entries": [
                {
                    "number": entry.number,
                    "at": iso(entry.at),
                    "utid": entry.utid,
                    "type": entry.type,
                    "amount_ugx": entry.amount_ugx,
                    "external_ref": entry.reference,
                    **{f"{bucket}_after_ugx": getattr(entry.after, bucket) for bucket in self.buckets},
                }
                for entry in self.entries
            ],
        }

    def _balances(self, balances: Balances) -> dict[str, int]:
        return {f"{bucket}_ugx": getattr(balances, bucket) for bucket in self.buckets}

    def csv(self) -> Iterator[str]:
        """The statement as CSV, line by line; the first row says what stood before."""
        columns = (
            "number",
            "at",
            "utid",
            "type",
            "amount_ugx",
            "external_ref",
            *(f"{bucket}_after_ugx" for bucket in self.buckets),
        )
        head = (
            "",
            iso(self.since),
            "",
            "balance_before",
            "",
            "",
            *(getattr(self.before, b) for b in self.buckets),
        )
        rows = (
            (
                entry.number,
                iso(entry.at),
                entry.utid,
                entry.type,
                entry.amount_ugx,
                entry.reference,
                *(getattr(entry.after, bucket) for bucket in self.buckets),
            )
            for entry in self.entries
        )
        yield from csvfiles.lines(columns, (head, *rows))


def statement(
    database: Database, user: User, *, since: Instant, until: Instant, ledger: str = ""
) -> Statement:
    """What an account did in its ledger, or in the one of this name, for `since` <= at < `until`.

    Somebody who has another role now had their ledger before; it is asked for by name, `wallet` or `farmer`.
    Raises `Refusal`: validation-failed for a role without a ledger, an empty time, or more entries than one statement holds.
    """
    name = ledger or _OF_ROLE.get(user.role, "")
    if name not in LEDGERS:
        raise Refusal(
            "validation-failed",
            "Only traders and farmers have a ledger now. Name that of before: wallet or farmer.",
            field="ledger",
        )
    if since >= until:
        raise Refusal("validation-failed", "The time ends before it begins.", field="until")
    book, buckets = LEDGERS[name]
    with database.transaction("read"):
        before = opening(database, book, before=since, account_id=user.id).get(user.alias, Balances())
        read = entries(database, book, horizon(database), since=since, until=until, account_id=user.id)
        found = list(islice(read, ENTRIES_MAX + 1))
    if len(found) > ENTRIES_MAX:
        raise Refusal(
            "validation-failed",
            f"A statement holds at most {ENTRIES_MAX:,} entries. Ask for a shorter time.",
            field="until",
        )
    return Statement(user.alias, user.role, name, since, until, buckets, before, found)


def ledgers_of(database: Database, user: User) -> tuple[str, ...]:
    """The names of the ledgers that an account has entries in, its present one first, empty or not."""
    own = _OF_ROLE.get(user.role)
    found = [] if own is None else [own]
    for name, (book, _) in LEDGERS.items():
        sql = f"SELECT 1 FROM {book.table} WHERE {book.account} = ? LIMIT 1"
        if name != own and database.one(sql, (user.id,)) is not None:
            found.append(name)
    return tuple(found)
