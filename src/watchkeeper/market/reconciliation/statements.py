"""Reading a provider's statement. Pure.

The file is from outside, so everything about it is bounded and nothing is guessed: the first row that is not understood
refuses the whole file, by its line and column. What a cell says is quoted only where its words must be known.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant, as_instant
from watchkeeper.base.money import AMOUNT_UGX_MAX
from watchkeeper.market.commands.reconciled import Line
from watchkeeper.market.reconciliation.maps import ColumnMap, folded
from watchkeeper.market.reconciliation.rules import IN, OUT, printable_reference

BYTES_MAX = 10 * 1024 * 1024
ROWS_MAX = 100_000
COLUMNS_MAX = 100
CELL_LENGTH_MAX = 10_000
#: A title and the account's name may stand above the columns' names.
_HEADER_ROWS_MAX = 20
_OPTIONAL = ("status", "currency", "fee")
_PROGRESS_EACH = 5_000


class StatementWrong(ValueError):
    """A statement is not what its map says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a provider says: its payments in the order of the file, and the time that it speaks of."""

    provider: str
    lines: tuple[Line, ...]
    since: Instant
    until: Instant
    ignored: int
    fees_ugx: int
    file_digest: str
    map_digest: str


def parse(
    data: bytes,
    column_map: ColumnMap,
    *,
    first: Instant | None = None,
    end: Instant | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Statement:
    """The statement in these bytes, of the time from `first` until before `end`, or from its first to its last payment.

    Raises `StatementWrong`.
    """
    rows = _rows(_text(data, column_map), column_map)
    reader = _Reader(column_map, *_header(rows, column_map))
    lines: list[Line] = []
    seen: dict[str, int] = {}
    ignored = fees = count = 0
    for number, row in rows:
        count += 1
        if count > ROWS_MAX:
            raise StatementWrong(f"The file has more than {ROWS_MAX:,} rows. Take a shorter time.")
        if count % _PROGRESS_EACH == 0:
            progress(count)
        read = reader.row(number, row)
        if read is None:
            ignored += 1
            continue
        line, fee = read
        if (first is not None and _at(line) < first) or (end is not None and _at(line) >= end):
            ignored += 1
            continue
        if line.reference in seen:
            raise reader.wrong(
                number, "reference", f"this reference stands on line {seen[line.reference]} already"
            )
        seen[line.reference] = number
        lines.append(line)
        fees += fee
    times = [_at(line) for line in lines]
    if not times and (first is None or end is None):
        raise StatementWrong("No row of this statement counts. Name its time with --from and --to.")
    since = min(times) if first is None else first
    until = Instant(max(times) + MICROSECONDS_PER_SECOND) if end is None else end
    if since >= until:
        raise StatementWrong("The statement ends before it begins.")
    return Statement(
        provider=column_map.provider,
        lines=tuple(lines),
        since=since,
        until=until,
        ignored=ignored,
        fees_ugx=fees,
        file_digest=hashlib.sha256(data).hexdigest(),
        map_digest=column_map.digest(),
    )


def _at(line: Line) -> Instant:
    return Instant(0) if line.at is None else line.at


def _text(data: bytes, column_map: ColumnMap) -> str:
    if len(data) > BYTES_MAX:
        raise StatementWrong(f"The file has more than {BYTES_MAX // 1024 // 1024} MiB. Take a shorter time.")
    encoding = column_map.encoding or "utf-8"
    if data.startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8-sig"
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise StatementWrong(
            f"Line {line}: the file is not {encoding.upper()}. Save it as UTF-8, or say encoding = "
            '"cp1252" in a map of your own.'
        ) from error
    if "\x00" in text:
        raise StatementWrong(f"Line {text[: text.index(chr(0))].count(chr(10)) + 1}: there is a NUL in it.")
    return text


def _rows(text: str, column_map: ColumnMap) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, each with the number of the line on which it ends."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=column_map.delimiter, strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise StatementWrong(f"Line {reader.line_num}: this is not CSV: {error}.") from error
        if len(row) > COLUMNS_MAX:
            raise StatementWrong(f"Line {reader.line_num}: more than {COLUMNS_MAX} columns.")
        if any(len(cell) > CELL_LENGTH_MAX for cell in row):
            raise StatementWrong(
                f"Line {reader.line_num}: a cell has more than {CELL_LENGTH_MAX:,} characters."
            )
        if any(cell.strip() for cell in row):
            yield reader.line_num, row


def _header(rows: Iterator[tuple[int, list[str]]], column_map: ColumnMap) -> tuple[list[str], dict[str, int]]:
    """The row with the columns' names, and where each role stands in it."""
    best: list[str] = []
    nearest: list[str] = []
    for count, (number, row) in enumerate(rows):
        if count == _HEADER_ROWS_MAX:
            break
        names = [folded(cell) for cell in row]
        places: dict[str, int] = {}
        absent: list[str] = []
        for role, accepted in column_map.columns.items():
            found = [names.index(folded(name)) for name in accepted if folded(name) in names]
            if found:
                places[role] = found[0]
            elif role not in _OPTIONAL:
                absent.append(" or ".join(accepted))
        if not absent:
            twice = [row[place] for place in places.values() if names.count(names[place]) > 1]
            if twice:
                raise StatementWrong(f"Line {number}: two columns are named {_shown(twice[0])}.")
            return row, places
        if not best or len(absent) < len(best):
            best, nearest = absent, row
    raise StatementWrong(
        f"There is no column {_shown('; no '.join(best) or '?', 200)}. The names found are "
        f"{_shown(', '.join(cell.strip() for cell in nearest if cell.strip()), 200) or 'none'}. "
        "Write a map of your own when the provider names them otherwise."
    )


class _Reader:
    """Reads rows by a map."""

    def __init__(self, column_map: ColumnMap, header: list[str], places: dict[str, int]) -> None:
        self._map = column_map
        self._header = header
        self._places = places
        self._zone = timezone(timedelta(minutes=column_map.utc_offset_minutes))
        thousands, decimal = re.escape(column_map.thousands), re.escape(column_map.decimal)
        grouped = f"[0-9]{{1,3}}(?:{thousands}[0-9]{{3}})+|" if thousands else ""
        self._number = re.compile(
            rf"(?:{column_map.currency}\s?)?(?P<sign>[+-]?)(?:{column_map.currency}\s?)?"
            rf"(?P<whole>{grouped}[0-9]+)(?:{decimal}(?P<part>[0-9]+))?(?:\s?{column_map.currency})?",
            re.IGNORECASE,
        )

    def wrong(self, number: int, role: str, what: str) -> StatementWrong:
        """What is wrong with a cell, by its line and column."""
        return StatementWrong(f"Line {number}, column {_shown(self._header[self._places[role]])}: {what}.")

    def _cell(self, row: list[str], role: str) -> str:
        return row[self._places[role]].strip()

    def row(self, number: int, row: list[str]) -> tuple[Line, int] | None:
        """A payment and its fee, or None for a row that is no payment; raises `StatementWrong`."""
        if len(row) != len(self._header):
            raise StatementWrong(
                f"Line {number}: {len(row)} cells, but there are {len(self._header)} columns. Is a comma not quoted?"
            )
        counts = self._word(number, row, "status", self._map.statuses_counted, self._map.statuses_left_out)
        if not counts or not self._is_payment(number, row):
            return None
        if "currency" in self._places and self._cell(row, "currency").upper() != self._map.currency:
            raise self.wrong(number, "currency", f"only {self._map.currency} can be compared")
        reference = self._cell(row, "reference")
        if not printable_reference(reference):
            raise self.wrong(
                number,
                "reference",
                "a reference has 1 to 64 plain characters and does not begin like a formula (=, +, -, @)",
            )
        direction, amount = self._money(number, row)
        at = self._instant(number, self._cell(row, "date"))
        fee = 0
        if "fee" in self._places and self._cell(row, "fee"):
            fee = abs(self._amount(number, row, "fee", zero=True))
        return Line(reference=reference, direction=direction, amount_ugx=amount, at=at), fee

    def _word(self, number: int, row: list[str], role: str, yes: frozenset[str], no: frozenset[str]) -> bool:
        if role not in self._places or not yes:
            return True
        word = folded(self._cell(row, role))
        if word not in yes | no:
            raise self.wrong(
                number,
                role,
                f"{_shown(word) or 'nothing'} is not known. What counts is {_shown(', '.join(sorted(yes)), 200)}; "
                f"what is left out is {_shown(', '.join(sorted(no)), 200) or 'nothing'}",
            )
        return word in yes

    def _is_payment(self, number: int, row: list[str]) -> bool:
        if "type" not in self._places or "amount" not in self._places:
            return not ("type" in self._places and folded(self._cell(row, "type")) in self._map.left_out)
        known = self._map.money_in | self._map.money_out
        return self._word(number, row, "type", known, self._map.left_out)

    def _money(self, number: int, row: list[str]) -> tuple[str, int]:
        """Which way, and how much, always above zero."""
        if "credit" in self._places:
            found = {
                direction: self._amount(number, row, role, zero=True)
                for direction, role in ((IN, "credit"), (OUT, "debit"))
                if self._cell(row, role)
            }
            # Some write the debit with a minus in its own column.
            moved = {direction: amount for direction, amount in found.items() if amount}
            if len(moved) != 1 or moved.get(IN, 1) < 0:
                raise self.wrong(number, "credit", "a payment has one amount, in credit or in debit")
            ((direction, amount),) = moved.items()
            return direction, abs(amount)
        amount = self._amount(number, row, "amount", zero=False)
        if self._map.signed:
            return (IN if amount > 0 else OUT), abs(amount)
        direction = IN if folded(self._cell(row, "type")) in self._map.money_in else OUT
        if amount < 0 and direction == IN:
            raise self.wrong(number, "amount", "a minus, but the type says that money came in")
        return direction, abs(amount)

    def _amount(self, number: int, row: list[str], role: str, *, zero: bool) -> int:
        """Whole shillings, read without a fraction anywhere."""
        match = self._number.fullmatch(self._cell(row, role))
        if match is None:
            marks = f"thousands {self._map.thousands!r}, decimal {self._map.decimal!r}"
            raise self.wrong(
                number, role, f"this is not a number of shillings as the map writes them ({marks})"
            )
        if (match["part"] or "0").strip("0") or len(match["part"] or "") > 6:
            raise self.wrong(number, role, "shillings are whole: nothing but zeros may follow the point")
        digits = match["whole"].replace(self._map.thousands, "") if self._map.thousands else match["whole"]
        if len(digits) > 18 or int(digits) > AMOUNT_UGX_MAX:
            raise self.wrong(number, role, "more than a trillion shillings")
        if not zero and int(digits) == 0:
            raise self.wrong(number, role, "an amount of nothing")
        return -int(digits) if match["sign"] == "-" else int(digits)

    def _instant(self, number: int, text: str) -> Instant:
        for form in self._map.date_formats:
            try:
                at = as_instant(datetime.strptime(text, form).replace(tzinfo=self._zone))
            except (ValueError, OverflowError, re.error):
                continue
            if at > 0 and text.isascii():
                return at
        raise self.wrong(
            number,
            "date",
            f"this is no time as the map writes it: {_shown(' or '.join(self._map.date_formats), 200)}",
        )


def _shown(text: str, length_max: int = 60) -> str:
    """A word of the file as it may be quoted: one line, printable, short."""
    plain = "".join(character if character.isprintable() else "?" for character in text)
    return plain if len(plain) <= length_max else plain[: length_max - 1] + "…"
