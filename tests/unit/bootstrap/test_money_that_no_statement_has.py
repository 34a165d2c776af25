"""A payment that no provider's statement has for a day is told once, and is over when a statement has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.market.test_from_the_store_to_the_buyer import Store
from tests.unit.market.test_reconciliation import said
from tests.worlds.books import REASON
from watchkeeper.base.clock import later
from watchkeeper.bootstrap.worker import Worker
from watchkeeper.boundary.gate import Switch
from watchkeeper.boundary.views import Views
from watchkeeper.interfaces.cli.status import render
from watchkeeper.market.commands import Answer, Command, Deposit, Payout, Purchase, Withdraw
from watchkeeper.market.reconciliation import running
from watchkeeper.market.refusals import Refusal
from watchkeeper.operation.catalogue import outside_money
from watchkeeper.operation.catalogue.outside_money import OutsideMoney
from watchkeeper.operation.console.overview import Overlook
from watchkeeper.operation.incidents import repository

HOUR = 3600
DAY = 24 * HOUR
#: What comes in and goes out by mtn besides what the market began with, signed.
PAID = {"IN": 7_000, "OUT": -1_000, "PICKED-UP": 90_000, "PROFIT": -2_000}


class Office(Store):
    """A store whose money came in and went out, and the control room's worker beside it."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        for folder in ("run", "keys", "seals"):
            (data / folder).mkdir(exist_ok=True)
        repository.create(data, system_id=self.system_id, clock=self.clock)
        self.views = Views(data, system_id=self.system_id)
        self.worker = Worker(data, system_id=self.system_id, clock=self.clock)
        self.do_business()

    def do_business(self) -> None:
        self.flip(Switch.PURCHASE_WINDOW, "release")
        purchase = self.bench.one(Purchase(block_id=self.block()), self.buyer)
        self.bench.one(self.pickup(purchase, 90_000, "PICKED-UP"), self.admin)
        self.deposit("IN", 7_000)
        self.bench.one(Withdraw(amount_ugx=2_000, provider="mtn", external_ref="PROFIT"), self.trader)
        alias = self.world.alias_of(self.farmer)
        payout = Payout(account=alias, amount_ugx=1_000, provider="mtn", external_ref="OUT", reason=REASON)
        self.bench.one(payout, self.admin)
        self.deposit("COINS", 50_000, provider="cash")

    def deposit(self, reference: str, amount: int, *, provider: str = "mtn") -> None:
        self.bench.keep_lease()
        self.bench.one(Deposit(amount_ugx=amount, provider=provider, external_ref=reference), self.trader)

    def capital(self) -> dict[str, int]:
        """The deposits by mtn: those with which the market began, and `IN`."""
        rows = self.query(
            "SELECT external_ref, amount_ugx FROM wallet_ledger WHERE provider = 'mtn' AND type = 'capital_deposit'"
        )
        return {str(reference): int(str(amount)) for reference, amount in rows}

    def compare(self, payments: dict[str, int], *, provider: str = "mtn") -> str:
        self.bench.keep_lease()
        now = self.clock.now()
        statement = said(
            *payments.items(),
            provider=provider,
            since=later(now, seconds=-9 * DAY),
            until=later(now, seconds=2 * HOUR),
        )

        def send(commands: list[Command]) -> list[Answer]:
            outcomes = self.bench.executor.run([self.bench.act(one, self.admin) for one in commands])
            assert not [one for one in outcomes if isinstance(one, Refusal)]
            return [one for one in outcomes if isinstance(one, Answer)]

        return running.reconcile(self.bench.books.database, statement, send)

    def alerts(self) -> list[tuple[object, ...]]:
        """What is told of unmatched money, after a minute."""
        self.clock.boot_offset_seconds += 61
        self.worker.turn()
        return list(
            self.world.database.query(
                "SELECT scope, severity, state, times_raised FROM alerts WHERE condition = 'money unmatched' ORDER BY id"
            )
        )

    def said_of_it(self) -> list[str]:
        rows = self.world.database.query(
            "SELECT detail FROM alerts WHERE condition = 'money unmatched' AND state <> 'resolved' ORDER BY id"
        )
        return [str(row[0]) for row in rows]

    def days_pass(self, days: float) -> None:
        self.clock.instant_offset += int(days * DAY * 1_000_000)


@pytest.fixture
def office(data: Path) -> Iterator[Office]:
    found = Office(data)
    yield found
    found.views.close()
    found.worker.close()
    found.housekeeping.close()
    found.switching.close()
    found.books.close()
    found.world.close()


def test_nothing_is_told_before_the_first_statement_and_cash_never_is(office: Office) -> None:
    office.days_pass(3)
    assert office.alerts() == []
    office.deposit("A1", 400, provider="airtel")
    office.compare({}, provider="airtel")
    # The other provider's statement says nothing of this one, and this payment is young.
    assert office.alerts() == []
    office.days_pass(2)
    assert office.alerts() == [("provider:airtel", "high", "open", 1)]


@pytest.mark.rule("reconcile.unmatched")
def test_what_is_unmatched_for_a_day_is_one_alert_and_a_statement_that_has_it_ends_it(office: Office) -> None:
    everything = office.capital() | PAID
    office.compare({name: amount for name, amount in everything.items() if name not in PAID})
    assert office.alerts() == []
    office.days_pass(1.1)
    assert office.alerts() == [("provider:mtn", "high", "open", 1)]
    assert office.alerts() == [("provider:mtn", "high", "open", 1)]
    (detail,) = office.said_of_it()
    assert detail.startswith("4 of the payments older than a day, UGX 100,000 together")
    for name in (*PAID, office.world.alias_of(office.trader), office.world.alias_of(office.farmer)):
        assert name not in detail
    # Another amount, or the other way, is no match.
    office.compare({**everything, "IN": 6_000, "OUT": 1_000})
    assert office.alerts() == [("provider:mtn", "high", "open", 1)]
    office.deposit("YOUNG", 300)
    office.compare(everything)
    assert office.alerts() == [("provider:mtn", "high", "resolved", 1)]
    office.days_pass(1.1)
    assert office.alerts()[1:] == [("provider:mtn", "high", "open", 1)]
    assert office.said_of_it()[0].startswith("1 of the payments older than a day, UGX 300 together")
    office.compare(everything | {"YOUNG": 300})
    assert [row[2] for row in office.alerts()] == ["resolved", "resolved"]
    office.turn()


def test_a_payment_booked_after_its_statement_was_compared_is_matched_by_it(office: Office) -> None:
    office.compare(office.capital() | PAID | {"LATE": 900})
    office.deposit("LATE", 900)
    office.days_pass(2)
    assert office.alerts() == []


def test_books_that_are_read_in_portions_resolve_nothing_before_their_end(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.compare({})
    office.days_pass(2)
    monkeypatch.setattr(outside_money, "_KEYS_AT_ONCE", 3)
    money = OutsideMoney(office.views)
    looks = 0
    while not money.complete:
        found = money.look(at=office.clock.now())
        assert money.advanced
        looks += 1
        assert money.complete or all(one.at_least for one in found.values())
    ((payments,),) = office.query(
        "SELECT (SELECT count(*) FROM wallet_ledger WHERE provider = 'mtn') + (SELECT count(*) FROM payouts) + "
        "(SELECT count(*) FROM pickups)"
    )
    assert looks > 5
    assert (found["mtn"].count, found["mtn"].at_least) == (payments, False)
    # What cannot be kept in mind is read on when there is room again.
    monkeypatch.setattr(outside_money, "PENDING_MAX", 2)
    crowded = OutsideMoney(office.views)
    for _ in range(looks):
        found = crowded.look(at=office.clock.now())
    assert not crowded.complete
    assert not crowded.advanced
    assert found["mtn"].at_least
    office.compare(office.capital() | PAID)
    for _ in range(2 * looks):
        found = crowded.look(at=office.clock.now())
    assert (crowded.complete, dict(found)) == (True, {})


def test_status_says_what_was_compared_and_that_nothing_was(office: Office) -> None:
    overlook = Overlook(
        office.world.data, system_id=office.system_id, database=office.world.database, clock=office.clock
    )
    try:
        assert "compared nothing yet with the statement of a provider" in render(overlook.read())
        office.compare({}, provider="airtel")
        assert "compared airtel until " in render(overlook.read())
    finally:
        overlook.close()


def test_the_watch_holds_after_comparisons_of_every_kind(office: Office) -> None:
    office.compare(office.capital() | {"IN": 6_000, "OUT": -1_000, "UNBOOKED": 5})
    office.turn()
    ((sealed,),) = office.world.database.query(
        "SELECT count(*) FROM sealed_rows WHERE table_name IN ('reconciliations', 'reconciliation_items')"
    )
    ((rows,),) = office.query(
        "SELECT (SELECT count(*) FROM reconciliations) + (SELECT count(*) FROM reconciliation_items)"
    )
    assert sealed == rows
    kinds = office.query("SELECT DISTINCT kind FROM reconciliation_items ORDER BY kind")
    assert [kind for (kind,) in kinds] == ["different", "matched", "missing_in_books", "missing_in_statement"]
