"""Column maps: how one kind of statement says reference, time, amount, direction and status. Pure.

Two are built in. Providers change their files, so a map of one's own says the same in TOML or JSON. A map never guesses:
a value that it does not name is refused, because a payment left out unseen is what a comparison is there to find.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watchkeeper.base import canonical
from watchkeeper.market.reconciliation.rules import COMPARED

ROLES = ("reference", "date", "amount", "credit", "debit", "type", "status", "currency", "fee")
#: What spreadsheets of other places write where UTF-8 is not used; never guessed, only named.
ENCODINGS = ("utf-8", "utf-16", "cp1252")
_NAMES_MAX = 20
_WORDS_MAX = 100
_WORD_LENGTH_MAX = 100
#: Uganda's time, in minutes east of UTC.
KAMPALA_MINUTES = 180


class MapWrong(ValueError):
    """A column map does not say what it must."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """How to read one kind of statement. Words of the statement are compared without regard to case."""

    provider: str
    #: Role -> names that its column may have.
    columns: Mapping[str, tuple[str, ...]]
    #: Tried in this order, as `strptime` writes them.
    date_formats: tuple[str, ...]
    #: An amount with a minus went out; without it, `type` or the columns for credit and debit say which way.
    signed: bool = False
    money_in: frozenset[str] = field(default=frozenset())
    money_out: frozenset[str] = field(default=frozenset())
    #: Types of rows that are no payments: a balance brought forward, a charge.
    left_out: frozenset[str] = field(default=frozenset())
    statuses_counted: frozenset[str] = field(default=frozenset())
    statuses_left_out: frozenset[str] = field(default=frozenset())
    currency: str = "UGX"
    thousands: str = ","
    decimal: str = "."
    delimiter: str = ","
    encoding: str = ""
    utc_offset_minutes: int = KAMPALA_MINUTES

    def digest(self) -> str:
        """What tells two maps apart."""
        return canonical.digest(
            canonical.encode(
                {
                    "provider": self.provider,
                    "columns": {role: list(names) for role, names in self.columns.items()},
                    "date_formats": list(self.date_formats),
                    "signed": int(self.signed),
                    "words": [
                        sorted(words)
                        for words in (
                            self.money_in,
                            self.money_out,
                            self.left_out,
                            self.statuses_counted,
                            self.statuses_left_out,
                        )
                    ],
                    "marks": [self.currency, self.thousands, self.decimal, self.delimiter, self.encoding],
                    "utc_offset_minutes": self.utc_offset_minutes,
                }
            )
        )


_DATES = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%d-%m-%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
)
_COUNTED = frozenset({"successful", "success", "completed", "transaction success"})
_LEFT_OUT = frozenset(
    {"failed", "pending", "cancelled", "canceled", "rejected", "expired", "reversed", "transaction failed"}
)

BUILT_IN: Mapping[str, ColumnMap] = {
    # One amount, with a minus where it went out.
    "mtn": ColumnMap(
        provider="mtn",
        columns={
            "reference": ("Id", "Transaction ID", "Transaction Id", "Financial Transaction ID"),
            "date": ("Date", "Transaction Date", "Date / Time"),
            "amount": ("Amount",),
            "status": ("Status",),
            "currency": ("Currency",),
            "fee": ("Fee", "Fees"),
        },
        date_formats=_DATES,
        signed=True,
        statuses_counted=_COUNTED,
        statuses_left_out=_LEFT_OUT,
    ),
    # Credit and debit in columns of their own.
    "airtel": ColumnMap(
        provider="airtel",
        columns={
            "reference": ("Transaction ID", "Reference", "Reference No", "Receipt No"),
            "date": ("Transaction Date", "Date", "Date & Time", "Transaction Date and Time"),
            "credit": ("Credit", "Credit Amount", "Paid In"),
            "debit": ("Debit", "Debit Amount", "Paid Out"),
            "status": ("Status", "Transaction Status"),
            "currency": ("Currency",),
            "fee": ("Fee", "Fees", "Service Charge"),
        },
        date_formats=_DATES,
        statuses_counted=_COUNTED,
        statuses_left_out=_LEFT_OUT,
    ),
}

_KEYS = (
    "provider", "columns", "date_formats", "signed", "money_in", "money_out", "left_out", "statuses_counted",
    "statuses_left_out", "currency", "thousands", "decimal", "delimiter", "encoding", "utc_offset_minutes",
)  # fmt: skip


def from_document(document: object) -> ColumnMap:
    """The map that a document describes; raises `MapWrong` saying what is wrong with it."""
    table = _table(document, "a map", _KEYS)
    columns = {
        role: _texts(names, f"columns.{role}", count_max=_NAMES_MAX, fold=False)
        for role, names in _table(table.get("columns"), "columns", ROLES).items()
    }
    offset = table.get("utc_offset_minutes", KAMPALA_MINUTES)
    if isinstance(offset, bool) or not isinstance(offset, int) or abs(offset) > 14 * 60:
        raise MapWrong("utc_offset_minutes is a whole number of minutes, 180 for Uganda.")
    signed = table.get("signed", False)
    if not isinstance(signed, bool):
        raise MapWrong("signed is true or false.")
    found = ColumnMap(
        provider=_one_of(table.get("provider"), "provider", COMPARED),
        columns=columns,
        date_formats=_texts(table.get("date_formats"), "date_formats", count_max=_NAMES_MAX, fold=False),
        signed=signed,
        money_in=_words(table, "money_in"),
        money_out=_words(table, "money_out"),
        left_out=_words(table, "left_out"),
        statuses_counted=_words(table, "statuses_counted"),
        statuses_left_out=_words(table, "statuses_left_out"),
        currency=_one_of(table.get("currency", "UGX"), "currency", ("UGX",)),
        thousands=_one_of(table.get("thousands", ","), "thousands", (",", ".", " ", "'", "")),
        decimal=_one_of(table.get("decimal", "."), "decimal", (".", ",")),
        delimiter=_one_of(table.get("delimiter", ","), "delimiter", (",", ";", "\t", "|")),
        encoding=_one_of(table.get("encoding", ""), "encoding", ("", *ENCODINGS)),
        utc_offset_minutes=offset,
    )
    _check(found)
    return found


def _check(found: ColumnMap) -> None:
    has = found.columns.keys()
    if not {"reference", "date"} <= has:
        raise MapWrong("columns names those of reference and date.")
    if ("amount" in has) == ("credit" in has or "debit" in has):
        raise MapWrong("columns names either amount, or credit and debit.")
    if ("credit" in has) != ("debit" in has):
        raise MapWrong("columns names credit and debit together.")
    if "amount" in has and found.signed == ("type" in has):
        raise MapWrong("which way an amount went is said by its sign (signed = true) or by columns.type.")
    if "credit" in has and found.signed:
        raise MapWrong("credit and debit say which way it went; leave signed out.")
    if bool(found.money_in and found.money_out) != ("type" in has and "amount" in has):
        raise MapWrong("with columns.type beside an amount, money_in and money_out name its words.")
    if found.left_out and "type" not in has:
        raise MapWrong("left_out names words of columns.type.")
    if bool(found.statuses_counted) != ("status" in has):
        raise MapWrong("with columns.status, statuses_counted names the words that count.")
    if any("%z" in form.casefold() for form in found.date_formats):
        raise MapWrong("date_formats say no time zone; utc_offset_minutes does.")
    if found.thousands == found.decimal:
        raise MapWrong("thousands and decimal are two different marks.")
    if (
        found.money_in & found.money_out
        or found.left_out & (found.money_in | found.money_out)
        or found.statuses_counted & found.statuses_left_out
    ):
        raise MapWrong("the same word stands in two lists.")


def _table(value: object, what: str, keys: tuple[str, ...]) -> dict[str, object]:
    if not isinstance(value, dict):
        raise MapWrong(f"{what} is a table with some of: {', '.join(keys)}.")
    unknown = [str(key)[:40] for key in value if key not in keys]
    if unknown:
        raise MapWrong(f"{what} has no {unknown[0]}; it has: {', '.join(keys)}.")
    return value


def _texts(value: object, what: str, *, count_max: int, fold: bool) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if (
        not isinstance(listed, list)
        or not 0 < len(listed) <= count_max
        or any(not isinstance(one, str) or not 0 < len(one.strip()) <= _WORD_LENGTH_MAX for one in listed)
    ):
        raise MapWrong(f"{what} is a text, or a list of 1 to {count_max} texts.")
    return tuple(folded(one) if fold else one.strip() for one in listed)


def _words(table: Mapping[str, object], key: str) -> frozenset[str]:
    value = table.get(key)
    return (
        frozenset() if value in (None, []) else frozenset(_texts(value, key, count_max=_WORDS_MAX, fold=True))
    )


def _one_of(value: object, what: str, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise MapWrong(f"{what} is one of: {', '.join(repr(one) for one in allowed)}.")
    return value


def folded(text: str) -> str:
    """A word or a column's name as it is compared: without case and with single spaces."""
    return " ".join(text.split()).casefold()
