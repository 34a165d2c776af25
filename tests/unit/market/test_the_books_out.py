"""The books as an accountant gets them: stock hledger agrees with them, statements add up, spreadsheets run nothing."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import REASON, Market, TurnableClock
from watchkeeper.base.clock import FIRST_INSTANT, LAST_INSTANT, Instant, NotADay, day_begins, iso, later
from watchkeeper.base.database import Database, open_database
from watchkeeper.market.accounting import csvfiles, hledger
from watchkeeper.market.accounting.entries import Balances, Entry
from watchkeeper.market.accounting.postings import SUSPENSE, postings
from watchkeeper.market.accounting.statement import statement
from watchkeeper.market.commands import Deposit, PayToLock, ReverseLock, VerifyDelivery
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import User

DAY_SECONDS = 86_400


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def market(data: Path, clock: TurnableClock) -> Iterator[Market]:
    """Two days of business: deposits, four locks, two deliveries, a reversal."""
    found = Market(data, clock=clock)
    units = found.units(4)
    locks = [
        found.one(PayToLock(unit_id=unit), trader) for unit, trader in zip(units, _both(found), strict=True)
    ]
    admin = found.market.admin.id
    found.one(VerifyDelivery(lock_utid=locks[0].utid, outcome="delivered", reason=REASON), admin)
    clock.instant_offset += DAY_SECONDS * 1_000_000
    found.one(VerifyDelivery(lock_utid=locks[1].utid, outcome="cancelled", reason=REASON), admin)
    found.one(ReverseLock(lock_utid=locks[1].utid, reason=REASON), admin)
    found.one(VerifyDelivery(lock_utid=locks[2].utid, outcome="delivered", reason=REASON), admin)
    yield found
    found.close()


def _both(market: Market) -> list[int]:
    return [market.tina, market.tom, market.tina, market.tom]


def _hledger(lines: Iterator[str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = folder / "market.journal"
    file.write_text("".join(f"{line}\n" for line in lines))
    return subprocess.run(
        ["hledger", "-f", str(file), *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def _balances(lines: Iterator[str], folder: Path) -> dict[str, int]:
    done = _hledger(lines, folder, "balance", "--flat", "-O", "json", "-E")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)[0]
    return {
        row[0]: sum(
            amount["aquantity"]["decimalMantissa"] // 10 ** amount["aquantity"]["decimalPlaces"]
            for amount in row[3]
        )
        for row in rows
    }


def _read(market: Market) -> Database:
    return market.books.database


def _user(market: Market, user_id: int) -> User:
    user = market.books.user(user_id)
    assert user is not None
    return user


def _insert_past_the_journal(market: Market, *, amount_ugx: int) -> None:
    database = open_database(market.data, "market", role="owner")
    with database.transaction("write"):
        database.execute(
            "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, "
            "profit_after, provider, external_ref, at) SELECT (SELECT max(id) + 1 FROM wallet_ledger), 'forged', trader_id, "
            "number + 1, 'capital_deposit', ?, capital_after + ? + 7, locked_after, profit_after, 'mtn', '; include /etc/passwd', at "
            "FROM wallet_ledger WHERE trader_id = ? ORDER BY number DESC LIMIT 1",
            (amount_ugx, amount_ugx, market.tom),
        )
    database.close()


def test_stock_hledger_agrees_with_every_balance_in_the_books(market: Market, tmp_path: Path) -> None:
    checked = _hledger(hledger.journal(_read(market)), tmp_path, "check")
    assert checked.returncode == 0, checked.stderr
    found = _balances(hledger.journal(_read(market)), tmp_path)
    outside = 0
    for trader in (market.tina, market.tom):
        wallet, alias = market.books.wallet(trader), _user(market, trader).alias
        for bucket in ("capital", "locked", "profit"):
            assert -found.get(f"liabilities:traders:{alias}:{bucket}", 0) == getattr(wallet, f"{bucket}_ugx")
    for account_name, amount in found.items():
        if account_name.startswith("assets:outside:"):
            outside += amount
    assert outside == 4_000_000
    assert found.get("equity:settlements", 0) == 0
    assert found.get(SUSPENSE, 0) == 0
    assert sum(found.values()) == 0


def test_hledger_refuses_a_journal_whose_entries_do_not_give_what_stands(
    market: Market, tmp_path: Path
) -> None:
    lines = list(hledger.journal(_read(market)))
    settled = next(i for i, line in enumerate(lines) if "capital_lock" in line)
    without = lines[:settled] + lines[settled + 4 :]
    checked = _hledger(iter(without), tmp_path, "check")
    assert checked.returncode != 0
    assert "assertion" in checked.stderr


def test_an_entry_that_is_not_what_it_says_shows_as_suspense_and_commands_nothing(
    market: Market, tmp_path: Path
) -> None:
    _insert_past_the_journal(market, amount_ugx=50_000)
    lines = list(hledger.journal(_read(market)))
    assert not any("include" in line and not line[:1].isdigit() for line in lines)
    checked = _hledger(iter(lines), tmp_path, "check")
    assert checked.returncode == 0, checked.stderr
    assert _balances(iter(lines), tmp_path)[SUSPENSE] == 7


def test_two_days_apart_carry_on_from_one_another(
    market: Market, clock: TurnableClock, tmp_path: Path
) -> None:
    second = Instant(clock.now() - DAY_SECONDS * 1_000_000 // 2)
    for since, until in ((FIRST_INSTANT, second), (second, LAST_INSTANT)):
        checked = _hledger(hledger.journal(_read(market), since=since, until=until), tmp_path, "check")
        assert checked.returncode == 0, checked.stderr
    tina = _user(market, market.tina)
    whole = statement(_read(market), tina, since=FIRST_INSTANT, until=LAST_INSTANT)
    early = statement(_read(market), tina, since=FIRST_INSTANT, until=second)
    late = statement(_read(market), tina, since=second, until=LAST_INSTANT)
    assert early.after == late.before
    assert early.entries + late.entries == whole.entries
    assert [entry.number for entry in whole.entries] == list(range(1, len(whole.entries) + 1))
    assert whole.after.capital == market.books.wallet(market.tina).capital_ugx
    assert late.after == whole.after


def test_a_farmer_has_a_statement_and_an_admin_has_none(market: Market) -> None:
    farmers = [user for user in market.books.users(limit=200) if user.role == "farmer"]
    totals = {
        user.alias: statement(_read(market), user, since=FIRST_INSTANT, until=LAST_INSTANT).after.earnings
        for user in farmers
    }
    assert sum(totals.values()) == 2_000
    assert all(totals[user.alias] == market.books.earnings(user.id).balance_ugx for user in farmers)
    with pytest.raises(Refusal, match="Only traders and farmers"):
        statement(_read(market), _user(market, market.admin_id), since=FIRST_INSTANT, until=LAST_INSTANT)
    with pytest.raises(Refusal, match="ends before it begins"):
        statement(_read(market), farmers[0], since=LAST_INSTANT, until=FIRST_INSTANT)


def test_a_statement_as_csv_says_the_same_as_its_document(market: Market) -> None:
    found = statement(_read(market), _user(market, market.tina), since=FIRST_INSTANT, until=LAST_INSTANT)
    rows = list(csv.DictReader(io.StringIO("".join(found.csv()))))
    assert rows[0]["type"] == "balance_before"
    document = found.document()
    entries = document["entries"]
    assert isinstance(entries, list)
    assert [{k: str(v) for k, v in entry.items()} for entry in entries] == [
        {k: row[k] for k in entries[0]} for row in rows[1:]
    ]
    assert rows[-1]["at"] == iso(found.entries[-1].at)


def test_the_csv_files_hold_every_row_once_and_no_formula(market: Market, tmp_path: Path) -> None:
    market.one(Deposit(amount_ugx=5, provider="bank", external_ref="=HYPERLINK(1)"), market.tina)
    written = csvfiles.write(_read(market), tmp_path)
    for table, count in written.items():
        with (tmp_path / f"{table}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        standing = _read(market).one(f"SELECT count(*) FROM {table}")
        assert (len(rows) - 1, count) == (standing[0] if standing else None, len(rows) - 1), table
        for row in rows[1:]:
            assert not any(value[:1] in "=@+" for value in row if value), table
    assert "'=HYPERLINK(1)" in (tmp_path / "wallet_ledger.csv").read_text()
    with pytest.raises(FileExistsError):
        csvfiles.write(_read(market), tmp_path)


def test_pages_are_joined_without_a_gap(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(hledger.journal(_read(market)))
    rows = list(csvfiles.rows(_read(market), "journal"))
    tina = _user(market, market.tina)
    entries = statement(_read(market), tina, since=FIRST_INSTANT, until=LAST_INSTANT).entries
    monkeypatch.setattr("watchkeeper.market.accounting.entries._PAGE", 2)
    monkeypatch.setattr("watchkeeper.market.accounting.csvfiles._PAGE", 3)
    assert list(hledger.journal(_read(market))) == whole
    assert list(csvfiles.rows(_read(market), "journal")) == rows
    assert statement(_read(market), tina, since=FIRST_INSTANT, until=LAST_INSTANT).entries == entries


@pytest.mark.parametrize(
    ("kind", "after", "expected"),
    [
        (
            "capital_deposit",
            Balances(capital=9),
            {"liabilities:traders:t:capital": -9, "assets:outside:mtn": 9},
        ),
        ("sale_return", Balances(capital=9), {"liabilities:traders:t:capital": -9, "assets:outside:mtn": 9}),
        ("profit_credit", Balances(profit=9), {"liabilities:traders:t:profit": -9, "assets:outside:mtn": 9}),
        (
            "capital_lock",
            Balances(capital=-9, locked=9),
            {"liabilities:traders:t:capital": 9, "liabilities:traders:t:locked": -9},
        ),
        ("settlement", Balances(locked=-9), {"liabilities:traders:t:locked": 9, "equity:settlements": -9}),
        (
            "profit_withdrawal",
            Balances(profit=-9),
            {"liabilities:traders:t:profit": 9, "assets:outside:mtn": -9},
        ),
        ("capital_correction", Balances(capital=9), {"liabilities:traders:t:capital": -9, SUSPENSE: 9}),
    ],
)
def test_each_type_of_entry_posts_where_an_accountant_expects_it(
    kind: str, after: Balances, expected: dict[str, int]
) -> None:
    entry = Entry("wallet_ledger", 1, 1, "t", 1, "u", kind, 9, after, "mtn", "r", Instant(0))
    assert dict(postings(entry, Balances(), role="traders")) == expected
    assert sum(expected.values()) == 0


def test_a_day_begins_at_midnight_in_kampala() -> None:
    assert iso(day_begins("2026-11-24")) == "2026-11-23T21:00:00.000000Z"
    assert later(day_begins("2026-11-24"), seconds=DAY_SECONDS) == day_begins("2026-11-25")
    for text in ("24-11-2026", "2026-13-01", "", "0001-01-01\x00"):
        with pytest.raises(NotADay):
            day_begins(text)
