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
from watchkeeper.market.commands import (
    Answer,
    Command,
    Deposit,
    ExplainPayment,
    Payout,
    Purchase,
    Withdraw,
)
from watchkeeper.market.reconciliation import running
from watchkeeper.market.refusals import Refusal
from watchkeeper.operation.alerts import life
from watchkeeper.operation.catalogue import outside_money, unbooked, unexplained
from watchkeeper.operation.catalogue.outside_money import OutsideMoney
from watchkeeper.operation.catalogue.unbooked import Unbooked
from watchkeeper.operation.catalogue.unexplained import UNBOOKED, UNMATCHED
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

    def compare(self, payments: dict[str, int], *, provider: str = "mtn", hours_ago: int = 9 * 24) -> str:
        self.bench.keep_lease()
        now = self.clock.now()
        statement = said(
            *payments.items(),
            provider=provider,
            since=later(now, seconds=-9 * DAY),
            until=later(now, seconds=2 * HOUR),
            at=later(now, seconds=1 - hours_ago * HOUR),
        )

        def send(commands: list[Command]) -> list[Answer]:
            outcomes = self.bench.executor.run([self.bench.act(one, self.admin) for one in commands])
            assert not [one for one in outcomes if isinstance(one, Refusal)]
            return [one for one in outcomes if isinstance(one, Answer)]

        return running.reconcile(self.bench.books.database, statement, send)

    def alerts(self, condition: str = UNMATCHED) -> list[tuple[object, ...]]:
        """What is told of money on one side only, after a minute."""
        self.clock.boot_offset_seconds += 61
        self.worker.turn()
        return list(
            self.world.database.query(
                "SELECT scope, severity, state, times_raised FROM alerts WHERE condition = ? ORDER BY id",
                (condition,),
            )
        )

    def said_of_it(self, condition: str = UNMATCHED) -> list[str]:
        rows = self.world.database.query(
            "SELECT detail FROM alerts WHERE condition = ? AND state <> 'resolved' ORDER BY id", (condition,)
        )
        return [str(row[0]) for row in rows]

    def worker_starts_again(self) -> None:
        """What the worker had in mind is gone."""
        self.worker.close()
        self.worker = Worker(self.world.data, system_id=self.system_id, clock=self.clock)

    def explain(
        self, reference: str, *, our_utid: str | None = None, said: tuple[str, int] | None = None
    ) -> str:
        """The operator's word on a payment by mtn."""
        command = ExplainPayment(
            finding=f"mtn {reference}",
            incident="INC-20261126-120000",
            reason=REASON,
            provider="mtn",
            external_ref=reference,
            our_utid=our_utid,
            their_direction=None if said is None else said[0],
            their_amount_ugx=None if said is None else said[1],
        )
        return self.bench.one(command, self.bench.market.operator.id).utid

    def utid_of(self, reference: str) -> str:
        ((utid,),) = self.query(f"SELECT utid FROM wallet_ledger WHERE external_ref = '{reference}'")
        return str(utid)

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


@pytest.mark.rule("reconcile.unmatched")
def test_a_payment_that_no_statement_will_match_hides_no_later_one(office: Office) -> None:
    everything = office.capital() | PAID
    office.deposit("MUCH", 100_000)
    office.compare({**everything, "MUCH": 10_000})
    office.days_pass(1.1)
    assert office.alerts() == [("provider:mtn", "high", "open", 1)]
    ((alert,),) = office.world.database.query("SELECT id FROM alerts WHERE condition = ?", (UNMATCHED,))
    with office.world.database.transaction("write"):
        life.acknowledge(
            office.world.database, int(str(alert)), by="opr", next_step="ask", at=office.clock.now()
        )
    # An acknowledgement goes on while nothing is new, also when the worker starts again.
    office.worker_starts_again()
    assert office.alerts() == [("provider:mtn", "high", "acknowledged", 1)]
    office.deposit("FRAUD", 900_000)
    assert office.alerts() == [("provider:mtn", "high", "acknowledged", 1)]
    office.days_pass(1.1)
    assert [(row[2], row[3]) for row in office.alerts()] == [("open", 2)]
    (detail,) = office.said_of_it()
    assert detail.startswith("2 of the payments older than a day, UGX 1,000,000 together")
    assert office.alerts() == [("provider:mtn", "high", "open", 2)]


def test_one_matched_and_a_smaller_one_come_instead_is_told_again_and_fewer_only_said(office: Office) -> None:
    everything = office.capital() | PAID
    office.deposit("FIRST", 500_000)
    office.deposit("STAYS", 200)
    office.compare(everything)
    office.days_pass(1.1)
    assert office.alerts() == [("provider:mtn", "high", "open", 1)]
    office.deposit("NEXT", 100)
    office.days_pass(1.1)
    # As many as before, and less money: what counts is that one is among them that was not.
    office.compare({**everything, "FIRST": 500_000})
    assert office.alerts() == [("provider:mtn", "high", "open", 2)]
    assert office.said_of_it()[0].startswith("2 of the payments older than a day, UGX 300 together")
    office.compare({**everything, "FIRST": 500_000, "STAYS": 200})
    assert office.alerts() == [("provider:mtn", "high", "open", 2)]
    assert office.said_of_it()[0].startswith("1 of the payments older than a day, UGX 100 together")


def test_an_explained_payment_counts_as_matched_and_ends_the_alert(office: Office) -> None:
    everything = office.capital() | PAID
    office.deposit("MUCH", 100_000)
    office.deposit("NEVER", 400)
    office.compare({**everything, "MUCH": 10_000})
    office.days_pass(1.1)
    assert office.alerts() == [("provider:mtn", "high", "open", 1)]
    office.explain("MUCH", our_utid=office.utid_of("MUCH"), said=("in", 10_000))
    assert office.alerts() == [("provider:mtn", "high", "open", 1)]
    assert office.said_of_it()[0].startswith("1 of the payments older than a day, UGX 400 together")
    office.explain("NEVER", our_utid=office.utid_of("NEVER"))
    assert office.alerts() == [("provider:mtn", "high", "resolved", 1)]
    office.worker_starts_again()
    assert office.alerts() == [("provider:mtn", "high", "resolved", 1)]
    office.turn()


@pytest.mark.rule("reconcile.unbooked")
def test_a_payment_of_a_statement_that_no_book_has_is_told_after_a_day_until_it_is_booked_or_explained(
    office: Office,
) -> None:
    everything = office.capital() | PAID
    office.compare({**everything, "TAKEN": -800_000, "FEE": -300, "LATE": 900}, hours_ago=1)
    assert office.alerts(UNBOOKED) == []
    office.days_pass(1.1)
    assert office.alerts(UNBOOKED) == [("provider:mtn", "high", "open", 1)]
    (detail,) = office.said_of_it(UNBOOKED)
    assert detail.startswith("3 of the payments older than a day, UGX 801,200 together")
    assert "TAKEN" not in detail
    # The same payment in another statement is the same payment.
    office.compare({**everything, "TAKEN": -800_000, "FEE": -300, "LATE": 900, "YOUNG": -5}, hours_ago=1)
    office.worker_starts_again()
    assert office.alerts(UNBOOKED) == [("provider:mtn", "high", "open", 1)]
    office.deposit("LATE", 900)
    office.explain("FEE", said=("out", 300))
    assert office.alerts(UNBOOKED) == [("provider:mtn", "high", "open", 1)]
    assert office.said_of_it(UNBOOKED)[0].startswith(
        "1 of the payments older than a day, UGX 800,000 together"
    )
    office.days_pass(10)
    assert office.alerts(UNBOOKED) == [("provider:mtn", "high", "open", 2)]
    office.explain("TAKEN", said=("out", 800_000))
    office.explain("YOUNG", said=("out", 5))
    assert office.alerts(UNBOOKED) == [("provider:mtn", "high", "resolved", 2)]
    # An explanation is of what was said then, and of nothing that a later statement says instead.
    office.compare({**everything, "LATE": 900, "FEE": -301})
    office.days_pass(1.1)
    assert office.alerts(UNBOOKED)[1:] == [("provider:mtn", "high", "open", 1)]
    assert office.alerts() == []
    office.turn()


@pytest.mark.rule("reconcile.unbooked")
def test_money_that_a_provider_takes_back_under_a_reference_that_matched_is_told_until_it_is_explained(
    office: Office,
) -> None:
    everything = office.capital() | PAID
    office.compare(everything)
    office.compare({**everything, "IN": -7_000})
    assert office.alerts(UNBOOKED) == [("provider:mtn", "high", "open", 1)]
    assert office.said_of_it(UNBOOKED)[0].startswith("1 of the payments older than a day, UGX 7,000 together")
    office.worker_starts_again()
    assert office.alerts(UNBOOKED) == [("provider:mtn", "high", "open", 1)]
    office.explain("IN", our_utid=office.utid_of("IN"), said=("out", 7_000))
    assert office.alerts(UNBOOKED) == [("provider:mtn", "high", "resolved", 1)]
    assert office.alerts() == []
    office.turn()


def test_what_differs_is_told_by_the_books_side_until_a_statement_agrees_with_it(office: Office) -> None:
    everything = office.capital() | PAID
    office.compare({**everything, "IN": 6_000, "SOON": 900}, hours_ago=25)
    assert office.alerts(UNBOOKED) == [("provider:mtn", "high", "open", 1)]
    office.deposit("SOON", 800)
    assert office.alerts(UNBOOKED) == [("provider:mtn", "high", "resolved", 1)]
    office.days_pass(1.1)
    assert office.alerts(UNBOOKED) == [("provider:mtn", "high", "resolved", 1)]
    assert office.said_of_it()[0].startswith("2 of the payments older than a day, UGX 7,800 together")
    office.compare({**everything, "SOON": 800})
    assert [row[2] for row in office.alerts()] == ["resolved"]
    assert office.alerts(UNBOOKED)[1:] == [("provider:mtn", "high", "open", 1)]
    assert office.said_of_it(UNBOOKED)[0].startswith("2 of the payments older than a day, UGX 6,900 together")


def test_a_payment_that_was_long_ago_when_its_statement_is_compared_is_told_at_once(office: Office) -> None:
    office.compare({**office.capital(), **PAID, "TAKEN": -800_000}, hours_ago=25)
    assert office.alerts(UNBOOKED) == [("provider:mtn", "high", "open", 1)]


def test_a_payment_of_a_time_that_has_not_come_counts_from_its_comparison(office: Office) -> None:
    office.compare({**office.capital(), **PAID, "TAKEN": -800_000}, hours_ago=-1)
    assert office.alerts(UNBOOKED) == []
    office.days_pass(1.01)
    assert office.alerts(UNBOOKED) == [("provider:mtn", "high", "open", 1)]


def test_what_was_explained_as_in_no_book_and_is_booked_otherwise_is_told(office: Office) -> None:
    office.compare({**office.capital(), **PAID, "FEE": -300})
    office.explain("FEE", said=("out", 300))
    office.deposit("FEE", 300)
    office.days_pass(1.1)
    assert office.alerts(UNBOOKED) == []
    assert office.alerts() == [("provider:mtn", "high", "open", 1)]


def test_statements_are_read_in_portions_and_nothing_is_over_before_their_end(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = {f"M{number}": -number for number in range(1, 8)}
    office.compare({**office.capital(), **PAID, **missing})
    office.days_pass(2)
    monkeypatch.setattr(unbooked, "_KEYS_AT_ONCE", 3)
    money = Unbooked(office.views)
    looks = 0
    while not money.complete:
        found = money.look(at=office.clock.now())
        assert money.advanced
        looks += 1
        assert money.complete or all(one.at_least for one in found.values())
    assert looks > 3
    assert (found["mtn"].count, found["mtn"].total_ugx, found["mtn"].at_least) == (7, 28, False)
    monkeypatch.setattr(unbooked, "PENDING_MAX", 2)
    crowded = Unbooked(office.views)
    for _ in range(2 * looks):
        found = crowded.look(at=office.clock.now())
    assert (crowded.complete, crowded.advanced, found["mtn"].at_least) == (False, False, True)
    for name, amount in missing.items():
        office.explain(name, said=("out", -amount))
    for _ in range(4 * looks):
        found = crowded.look(at=office.clock.now())
    assert (crowded.complete, dict(found)) == (True, {})


def test_books_that_are_read_in_portions_are_told_once_and_again_when_all_was_read(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside_money, "_KEYS_AT_ONCE", 4)
    office.compare({})
    office.days_pass(1.1)
    times = [int(str(row[3])) for _ in range(20) for row in office.alerts()]
    assert (times[0], times[-1]) == (1, 2)
    assert times == sorted(times)
    many = len(office.capital()) + len(PAID) - 1
    assert office.said_of_it()[0].startswith(f"{many} of the payments")
    # What was told before a start is no news in any portion after it.
    office.worker_starts_again()
    assert {row[3] for _ in range(20) for row in office.alerts()} == {2}
    assert office.said_of_it()[0].startswith(f"{many} of the payments")


def test_a_full_list_is_told_once_and_what_is_matched_makes_room_for_what_is_new(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = office.capital() | PAID
    for number in (1, 2, 3):
        office.deposit(f"D{number}", number * 100)
    office.compare(everything)
    office.days_pass(1.1)
    monkeypatch.setattr(outside_money, "_KEYS_AT_ONCE", 1)
    monkeypatch.setattr(outside_money, "PENDING_MAX", 2)
    monkeypatch.setattr(unexplained, "KEPT_MAX", 2)
    ((entries,),) = office.query("SELECT max(id) FROM wallet_ledger")

    def told() -> tuple[set[str], object, bool]:
        for _ in range(int(str(entries))):
            office.alerts()
        standing = office.alerts()[-1]
        known = unexplained.listed(office.world.database, limit=9)
        return {one.reference for _, one in known}, standing[3], "list is full" in office.said_of_it()[0]

    assert told() == told() == ({"D1", "D2"}, 2, True)
    assert office.said_of_it()[0].startswith("at least 2 of the payments")
    # It is not read to its end yet, and what a statement has by now is let go all the same.
    office.compare({**everything, "D1": 100})
    assert told() == ({"D2", "D3"}, 3, True)
    monkeypatch.undo()
    assert told() == ({"D2", "D3"}, 3, False)
    office.worker_starts_again()
    assert told() == ({"D2", "D3"}, 3, False)


@pytest.mark.rule("reconcile.unbooked")
def test_what_a_statement_has_makes_room_as_well_when_it_is_explained(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unbooked, "_KEYS_AT_ONCE", 1)
    monkeypatch.setattr(unbooked, "PENDING_MAX", 2)
    monkeypatch.setattr(unexplained, "KEPT_MAX", 2)
    office.compare({"M1": -1, "M2": -2, "M3": -3, "M4": -4}, hours_ago=30)

    def told() -> tuple[set[str], bool]:
        for _ in range(8):
            office.alerts(UNBOOKED)
        known = unexplained.listed(office.world.database, limit=9)
        return {
            one.reference for condition, one in known if condition == UNBOOKED
        }, "list is full" in office.said_of_it(UNBOOKED)[0]

    assert told() == ({"M1", "M2"}, True)
    office.explain("M2", said=("out", 2))
    assert told() == ({"M1", "M3"}, True)


def test_what_is_kept_of_overdue_payments_is_bounded_and_let_go_only_after_all_was_read(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = office.world.database
    overdue = [
        unexplained.Overdue("mtn", f"R{number}", "in", number, office.clock.now()) for number in range(1, 6)
    ]
    found = unexplained.by_provider(overdue, at_least=True)
    monkeypatch.setattr(unexplained, "KEPT_MAX", 4)
    with database.transaction("write"):
        change = unexplained.keep(database, UNMATCHED, found, complete=False)["mtn"]
        assert (change.more, change.fewer) == (True, False)
        assert unexplained.counted(database) == 4
        assert unexplained.keep(database, UNMATCHED, {}, complete=False) == {}
        assert change.full
        settled = unexplained.keep(database, UNMATCHED, {}, complete=False, settled=overdue[:1])["mtn"]
        assert (settled.more, settled.fewer, settled.full) == (False, True, False)
        assert unexplained.counted(database) == 3
        change = unexplained.keep(database, UNMATCHED, {}, complete=True)["mtn"]
        assert (change.more, change.fewer) == (False, True)
    assert unexplained.counted(database) == 0
