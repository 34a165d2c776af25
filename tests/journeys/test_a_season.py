"""A season: ninety days of virtual time, a crowd of people, every kind of act and mishap, drawn by a seed.

Each day the watch looks and finds nothing, and the season's own sums agree with the books. At the end the fees are right to the
gram, lot by lot and day by day, stock hledger agrees with every balance, and a full pass holds. In the short form there are
fewer people; the days, the acts and the mishaps are the same.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import LONG
from tests.worlds.season import Season
from tests.worlds.season_calendar import played
from tests.worlds.season_refusals import AIMED_AT
from tests.worlds.season_sums import Sums, check_fees
from watchkeeper.market import commands
from watchkeeper.market.accounting import csvfiles, hledger
from watchkeeper.market.commands import Command, Cure

SEED = int(os.environ.get("WATCHKEEPER_SEASON_SEED", "20261124"))
SIZE = 300 if LONG else 40
#: So often at least each kind of command was accepted.
AT_LEAST = 5
#: In the short form the watch looks every so many days.
LOOKS_EVERY = 1 if LONG else 3

#: Every command that there is, apart from the operator's cures; one that is added later has to come to the season too.
PLAYED = {
    command.name
    for _, command in inspect.getmembers(commands, inspect.isclass)
    if issubclass(command, Command) and not issubclass(command, Cure) and hasattr(command, "name")
}


@pytest.mark.timeout(3600)
def test_a_season_of_ninety_days(data: Path, tmp_path: Path) -> None:
    season = Season(data, seed=SEED, size=SIZE)
    try:
        played(season, _at_the_end_of_a_day)
        _at_the_end(season, tmp_path)
    except Exception as error:
        error.add_note(f"seed {SEED}, day {season.day}")
        raise
    finally:
        season.close()


def _at_the_end_of_a_day(season: Season) -> None:
    Sums(season).checked()
    if season.day % LOOKS_EVERY == 0:
        season.watched()


def _at_the_end(season: Season, folder: Path) -> None:
    season.keep_up()
    season.watched(full=True)
    Sums(season).checked()
    assert check_fees(season) > 100_000
    assert season.number("SELECT count(*) FROM users") > SIZE
    assert season.replayed > AT_LEAST
    assert AIMED_AT - set(season.codes) == set()
    accepted = Counter(
        {
            str(command): int(str(count))
            for command, count in season.query("SELECT command, count(*) FROM journal GROUP BY command")
        }
    )
    assert {name: accepted[name] for name in PLAYED if accepted[name] < AT_LEAST} == {}
    _hledger_agrees(season, folder)


def _hledger_agrees(season: Season, folder: Path) -> None:
    """Write the books out as `watchkeeper export` does, have stock hledger check them, and compare its sums."""
    database = season.bench.books.database
    file = folder / "market.journal"
    with file.open("x", encoding="ascii") as written:
        written.writelines(f"{line}\n" for line in hledger.journal(database))
    rows = csvfiles.write(database, folder)
    assert rows["journal"] == season.number("SELECT count(*) FROM journal")
    assert _hledger(file, "check") == ""
    found = {
        row[0]: sum(
            amount["aquantity"]["decimalMantissa"] // 10 ** amount["aquantity"]["decimalPlaces"]
            for amount in row[3]
        )
        for row in json.loads(_hledger(file, "balance", "--flat", "-O", "json", "-E"))[0]
    }
    sums = Sums(season)
    for trader, balances in sums.wallets.items():
        account = f"liabilities:traders:{season.alias(trader)}"
        hledgers = tuple(-found.pop(f"{account}:{name}", 0) for name in ("capital", "locked", "profit"))
        assert hledgers == balances, account
    for farmer, balance in sums.earnings.items():
        assert -found.pop(f"liabilities:farmers:{season.alias(farmer)}:earnings", 0) == balance
    outside = sum(amount for name, amount in found.items() if name.startswith("assets:outside:"))
    assert outside == sums.outside()
    rest = {name: amount for name, amount in found.items() if not name.startswith("assets:outside:")}
    assert set(rest.values()) <= {0}, rest


def _hledger(file: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["hledger", "-f", str(file), *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
