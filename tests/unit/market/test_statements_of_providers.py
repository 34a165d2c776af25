"""A provider's statement is read strictly: what is not understood refuses the whole file and is named by line and column."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.base.clock import kampala
from watchkeeper.market.reconciliation import files
from watchkeeper.market.reconciliation.maps import BUILT_IN, MapWrong, from_document
from watchkeeper.market.reconciliation.statements import BYTES_MAX, ROWS_MAX, StatementWrong, parse

MTN = BUILT_IN["mtn"]
AIRTEL = BUILT_IN["airtel"]
HEADER = "Id,Date,Status,Amount,Currency,Fee"
GOOD = "R1,2026-11-01 10:00:00,Successful,1000,UGX,"


def mtn(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows]).encode()


def refused(data: bytes, *words: str, column_map: object = MTN) -> None:
    with pytest.raises(StatementWrong) as found:
        parse(data, column_map)  # type: ignore[arg-type]
    assert all(word in str(found.value) for word in words), str(found.value)


def test_a_signed_amount_says_which_way_and_the_time_is_kampalas() -> None:
    found = parse(mtn(GOOD, 'R2,2026-11-02 11:30:00,SUCCESSFUL,"-1,250,000.00",ugx,"1,500.0"'), MTN)
    assert [(line.reference, line.direction, line.amount_ugx) for line in found.lines] == [
        ("R1", "in", 1000),
        ("R2", "out", 1_250_000),
    ]
    assert [kampala(line.at) for line in found.lines if line.at] == [
        "2026-11-01 10:00:00",
        "2026-11-02 11:30:00",
    ]
    assert (found.fees_ugx, found.ignored, found.provider) == (1500, 0, "mtn")
    assert (kampala(found.since), kampala(found.until)) == ("2026-11-01 10:00:00", "2026-11-02 11:30:01")


def test_credit_and_debit_say_which_way_below_a_title() -> None:
    text = (
        "Airtel Money statement\n\nTransaction ID,Date,Credit,Debit,Balance\n"
        'A1,01/11/2026 10:00:00,"5,000.00",,1\nA2,01/11/2026 10:05,0,UGX 700,1\nA3,01/11/2026 10:06,,-300,1\n'
    )
    found = parse(text.encode(), AIRTEL)
    assert [(line.direction, line.amount_ugx) for line in found.lines] == [
        ("in", 5000),
        ("out", 700),
        ("out", 300),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_encoding_is_known_by_its_mark(encoding: str) -> None:
    data = (mtn(GOOD, 'R2,2026-11-01 10:00:00,Successful,"2000",UGX,').decode() + "\n").encode(encoding)
    assert len(parse(data, MTN).lines) == 2


def test_another_encoding_is_read_only_when_the_map_names_it() -> None:
    data = "Id,Date,Status,Amount,Note\nR1,2026-11-01 10:00:00,Successful,1,Café".encode("cp1252")
    refused(data, "Line 2", "UTF-8", "cp1252")
    assert len(parse(data, replace(MTN, encoding="cp1252")).lines) == 1


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("R2,2026-11-01 10:00:00,Successful,1.50,UGX,", ("Line 3", "Amount", "whole")),
        ("R2,2026-11-01 10:00:00,Successful,1e3,UGX,", ("Line 3", "Amount", "number")),
        ("R2,2026-11-01 10:00:00,Successful,١٢,UGX,", ("Line 3", "Amount")),
        ('R2,2026-11-01 10:00:00,Successful,"1,50",UGX,', ("Line 3", "Amount")),
        ("R2,2026-11-01 10:00:00,Successful,0,UGX,", ("Line 3", "Amount", "nothing")),
        ("R2,2026-11-01 10:00:00,Successful,=1+1,UGX,", ("Line 3", "Amount")),
        ("R2,2026-11-01 10:00:00,Successful,9999999999999,UGX,", ("Line 3", "Amount", "trillion")),
        (f"R2,2026-11-01 10:00:00,Successful,{'9' * 5000},UGX,", ("Line 3", "Amount", "trillion")),
        ("R2,2026-11-01 10:00:00,Successful,,UGX,", ("Line 3", "Amount")),
        ("R2,2026-11-01 10:00:00,Successful,nan,UGX,", ("Line 3", "Amount")),
        ("R2,2026-11-01 10:00:00,Successful,5,UGX,0.5", ("Line 3", "Fee", "whole")),
        ("R2,2026-11-01 10:00:00,Successful,5,USD,", ("Line 3", "Currency", "UGX")),
        ("R2,2026-13-01 10:00:00,Successful,5,UGX,", ("Line 3", "Date", "%Y")),
        ("R2,yesterday,Successful,5,UGX,", ("Line 3", "Date")),
        ("R2,2026-11-01 10:00:00,Maybe,5,UGX,", ("Line 3", "Status", "maybe", "successful")),
        (",2026-11-01 10:00:00,Successful,5,UGX,", ("Line 3", "Id", "plain characters")),
        ("=cmd|x,2026-11-01 10:00:00,Successful,5,UGX,", ("Line 3", "Id", "formula")),
        ("@R2,2026-11-01 10:00:00,Successful,5,UGX,", ("Line 3", "Id", "formula")),
        (f"{'R' * 65},2026-11-01 10:00:00,Successful,5,UGX,", ("Line 3", "Id", "64")),
        ("R\u20282,2026-11-01 10:00:00,Successful,5,UGX,", ("Line 3", "Id")),
        ('"R\n2",2026-11-01 10:00:00,Successful,5,UGX,', ("Line 4", "Id")),
        ("R1,2026-11-01 10:00:00,Successful,5,UGX,", ("Line 3", "Id", "line 2 already")),
        ("R2,2026-11-01 10:00:00,Successful,1,000,UGX,", ("Line 3", "7 cells", "6 columns")),
        ("R2,2026-11-01 10:00:00", ("Line 3", "2 cells")),
        ('R2,2026-11-01 10:00:00,Successful,5,UGX,"', ("Line 3", "CSV")),
        ('"R2"x,2026-11-01 10:00:00,Successful,5,UGX,', ("Line 3", "CSV")),
        ("R2,2026-11-01\x00,Successful,5,UGX,", ("Line 3", "NUL")),
        (f"R2,2026-11-01 10:00:00,Successful,5,UGX,{'x' * 20_000}", ("Line 3", "characters")),
        (f"R2,2026-11-01 10:00:00,Successful,5,UGX,{',' * 200}", ("Line 3", "columns")),
    ],
)
def test_a_row_that_is_not_understood_refuses_the_file_by_line_and_column(
    row: str, words: tuple[str, ...]
) -> None:
    refused(mtn(GOOD, row), *words)


def test_quotes_blank_lines_and_lines_within_a_cell_are_csv() -> None:
    data = mtn(
        'R1,2026-11-01 10:00:00,Successful,1,UGX,,"two\nlines, ""quoted"""',
        ",,,,,,",
        "",
        "R2,2026-11-01 10:00:00,Successful,1,UGX,,-",
        header=HEADER + ",Note",
    )
    assert [line.reference for line in parse(data, MTN).lines] == ["R1", "R2"]


def test_what_did_not_happen_and_what_is_of_another_day_does_not_count() -> None:
    data = mtn(GOOD, "R1,2026-11-01 10:00:00,Failed,1000,UGX,", "R3,2026-11-03 10:00:00,Successful,1,UGX,")
    whole = parse(data, MTN)
    assert (len(whole.lines), whole.ignored) == (2, 1)
    first, later = whole.since, whole.lines[1].at
    assert later is not None
    part = parse(data, MTN, first=first, end=later)
    assert ([line.reference for line in part.lines], part.ignored) == (["R1"], 2)
    assert (part.since, part.until) == (first, later)


def test_bounds_hold_for_bytes_rows_and_a_statement_of_nothing() -> None:
    refused(b"x" * (BYTES_MAX + 1), "10 MiB")
    refused((HEADER + "\n" + "a\n" * 3 + ("R,2026-11-01 10:00:00,Failed,1,UGX,\n" * 2)).encode(), "1 cells")
    refused(
        (HEADER + "\n" + "R,2026-11-01 10:00:00,Failed,1,UGX,\n" * (ROWS_MAX + 1)).encode(),
        f"{ROWS_MAX:,} rows",
    )
    refused(mtn(), "No row", "--from")
    refused(b"", "no column")
    refused(b"Name,When\nx,y", "no column", "Id or Transaction ID", "Name, When")
    refused(mtn(GOOD, header="Id,Date,Status,Amount,Currency,Amount"), "two columns", "Amount")


def refusal_of(data: bytes) -> str:
    """What is said against these bytes; nothing when they can be read."""
    try:
        parse(data, MTN)
    except StatementWrong as error:
        return str(error)
    return ""


@given(st.binary(max_size=300))
def test_no_bytes_whatever_raise_anything_else(data: bytes) -> None:
    for body in (data, HEADER.encode() + b"\n" + data, b"\xff\xfe" + data):
        assert refusal_of(body).isprintable()


OWN = {
    "provider": "bank",
    "columns": {"reference": "Ref", "date": "Day", "amount": ["Sum"], "type": "Kind"},
    "date_formats": ["%d.%m.%Y"],
    "money_in": ["Deposit"],
    "money_out": ["Payment"],
    "left_out": ["Balance"],
    "thousands": ".",
    "decimal": ",",
    "delimiter": ";",
}


def test_a_map_of_ones_own_reads_types_and_other_marks(tmp_path: Path) -> None:
    path = tmp_path / "bank.json"
    path.write_text(json.dumps(OWN))
    toml = tmp_path / "bank.toml"
    toml.write_text(
        'provider = "bank"\ndate_formats = ["%d.%m.%Y"]\nmoney_in = ["Deposit"]\nmoney_out = ["Payment"]\n'
        'left_out = ["Balance"]\nthousands = "."\ndecimal = ","\ndelimiter = ";"\n'
        '[columns]\nreference = "Ref"\ndate = "Day"\namount = "Sum"\ntype = "Kind"\n'
    )
    data = b"Ref;Day;Kind;Sum\nB1;01.11.2026;deposit;1.000,00\n;01.11.2026;Balance;5\nB2;02.11.2026;PAYMENT;-300\n"
    for name in (str(path), str(toml)):
        found = parse(data, files.column_map(name))
        assert [(line.direction, line.amount_ugx) for line in found.lines] == [("in", 1000), ("out", 300)]
        assert found.ignored == 1
    assert files.column_map(str(path)).digest() == files.column_map(str(toml)).digest()
    own = from_document(OWN)
    refused(b"Ref;Day;Kind;Sum\nB1;01.11.2026;gift;1", "Line 2", "Kind", "gift", "deposit", column_map=own)
    refused(b"Ref;Day;Kind;Sum\nB1;01.11.2026;deposit;-1", "Line 2", "Sum", "minus", column_map=own)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"provider": "cash"}, "provider"),
        ({"columns": {"reference": "Ref"}}, "date"),
        ({"columns": {**OWN["columns"], "credit": "C", "debit": "D"}}, "either"),  # type: ignore[dict-item]
        ({"columns": {"reference": "R", "date": "D", "credit": "C"}}, "together"),
        ({"columns": {**OWN["columns"], "account": "A"}}, "account"),  # type: ignore[dict-item]
        ({"signed": True}, "which way"),
        ({"signed": 1}, "signed"),
        ({"money_in": []}, "money_in"),
        ({"money_out": ["DEPOSIT"]}, "two lists"),
        ({"statuses_counted": ["ok"]}, "status"),
        ({"decimal": "."}, "different"),
        ({"decimal": "x"}, "decimal"),
        ({"encoding": "latin-1"}, "encoding"),
        ({"date_formats": ["%d.%m.%Y %z"]}, "time zone"),
        ({"date_formats": []}, "date_formats"),
        ({"date_formats": 5}, "date_formats"),
        ({"utc_offset_minutes": 10_000}, "utc_offset"),
        ({"unknown": 1}, "unknown"),
        ({"currency": "USD"}, "currency"),
        ({"money_in": ["x" * 101]}, "money_in"),
    ],
)
def test_a_map_that_does_not_say_what_it_must_is_refused_by_its_word(
    change: dict[str, object], word: str
) -> None:
    with pytest.raises(MapWrong, match=word):
        from_document(OWN | change)


def test_a_file_that_is_no_map_or_no_plain_file_is_refused_in_words(tmp_path: Path) -> None:
    wrong = tmp_path / "map.toml"
    wrong.write_text("provider = ")
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 5000)
    for name in ("nowhere", str(tmp_path), str(wrong), str(deep), "/dev/zero"):
        with pytest.raises(MapWrong, match="neither mtn, airtel"):
            files.column_map(name)
    for path in (tmp_path / "nothing.csv", tmp_path, Path("/dev/zero")):
        with pytest.raises(StatementWrong):
            files.statement(path)
