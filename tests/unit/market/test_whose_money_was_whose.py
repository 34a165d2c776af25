"""Which deposit paid for a lock: first in, first out, and not at all where the ledger is too long to be read for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import REASON, Market
from watchkeeper.market import trail
from watchkeeper.market.commands import CreateListing, Deposit, PayToLock, ReverseLock, VerifyDelivery
from watchkeeper.market.trace import trace

_PRICE_UGX_PER_KG = 100
_UNIT_UGX = 10 * _PRICE_UGX_PER_KG


@pytest.fixture
def market(data: Path) -> Iterator[Market]:
    found = Market(data)
    yield found
    found.close()


def _deposited(market: Market, trader: int, *amounts_ugx: int) -> list[str]:
    return [
        market.one(Deposit(amount_ugx=amount, provider="mtn", external_ref=f"IN-{number}"), trader).utid
        for number, amount in enumerate(amounts_ugx)
    ]


def _locked(market: Market, trader: int, units: int) -> list[str]:
    listing = CreateListing(produce="Beans", grams=units * 10_000, price_ugx_per_kg=_PRICE_UGX_PER_KG)
    found = market.one(listing, market.farmer).body["unit_ids"]
    assert isinstance(found, list)
    return [market.one(PayToLock(unit_id=unit), trader).utid for unit in found]


def _deposits_of(market: Market, lock: str) -> tuple[list[object], object]:
    admin = market.books.user(market.admin_id)
    assert admin is not None
    found = trace(market.books.database, lock, viewer=admin)
    assert found is not None
    earlier = found["earlier"]
    assert isinstance(earlier, list)
    rows = [act["rows"] for act in earlier if act["command"] == "deposit"]
    return [row[0]["utid"] for row in rows], found["complete"]


def test_the_oldest_money_is_spent_first_and_what_came_back_keeps_its_place(market: Market) -> None:
    trader = market.person("trader")
    first, second = _deposited(market, trader, _UNIT_UGX + _UNIT_UGX // 2, 3 * _UNIT_UGX)
    locks = _locked(market, trader, 4)
    assert [_deposits_of(market, lock) for lock in locks] == [
        ([first], True),
        ([second, first], True),
        ([second], True),
        ([second], True),
    ]
    for command in (
        VerifyDelivery(lock_utid=locks[0], outcome="cancelled", reason=REASON),
        ReverseLock(lock_utid=locks[0], reason=REASON),
    ):
        market.one(command, market.admin_id)
    # Half a unit of the second deposit is left, and then comes what the reversal gave back, of which no deposit is said.
    (again,) = _locked(market, trader, 1)
    assert _deposits_of(market, again) == ([second], True)
    third = market.one(Deposit(amount_ugx=_UNIT_UGX, provider="mtn", external_ref="IN-3"), trader).utid
    last = _locked(market, trader, 1)[0]
    assert _deposits_of(market, last) == ([third], True)


def test_a_ledger_that_is_too_long_gives_no_answer_and_the_chain_says_so(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    trader = market.person("trader")
    _deposited(market, trader, _UNIT_UGX, _UNIT_UGX)
    (lock,) = _locked(market, trader, 1)
    monkeypatch.setattr(trail, "ENTRIES_MAX", 3)
    assert len(_deposits_of(market, lock)[0]) == 1
    monkeypatch.setattr(trail, "ENTRIES_MAX", 2)
    assert _deposits_of(market, lock) == ([], False)
