"""A payment that no statement will match is explained once, by the operator; what a correction cannot take is waived once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.market.test_reconciliation import around, compared, deposit
from tests.worlds.books import REASON, Market, TurnableClock, digest
from watchkeeper.boundary.cures import CureRefused
from watchkeeper.boundary.gate import EVERYTHING, OperationClass
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.restrict import impose
from watchkeeper.market.commands import (
    ChangeRole,
    Command,
    Correct,
    Deposit,
    ExplainPayment,
    WaiveUnrecovered,
)
from watchkeeper.market.cures.service import MarketCures
from watchkeeper.market.reconciliation import reading
from watchkeeper.market.refusals import Refusal


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def market(data: Path, clock: TurnableClock) -> Iterator[Market]:
    found = Market(data, clock=clock)
    yield found
    found.close()


def explanation(
    reference: str, *, our_utid: str | None = None, said: tuple[str, int] | None = None
) -> ExplainPayment:
    return ExplainPayment(
        finding=f"mtn {reference}",
        incident="INC-20261126-120000",
        reason=REASON,
        provider="mtn",
        external_ref=reference,
        our_utid=our_utid,
        their_direction=None if said is None else said[0],
        their_amount_ugx=None if said is None else said[1],
    )


def utid_of(market: Market, reference: str) -> str:
    row = market.books.database.one("SELECT utid FROM wallet_ledger WHERE external_ref = ?", (reference,))
    assert row is not None
    return str(row[0])


def by_the_operator(market: Market, command: Command) -> str:
    return market.code(command, market.market.operator.id)


def rows(market: Market, table: str, columns: str) -> list[tuple[object, ...]]:
    return list(market.books.database.query(f"SELECT {columns} FROM {table} ORDER BY id"))


def trader(market: Market) -> str:
    user = market.books.user(market.tina)
    assert user is not None
    return user.alias


@pytest.mark.rule("reconcile.explained")
def test_a_payment_that_differs_is_explained_once_and_corrected_in_the_same_act(
    market: Market, clock: TurnableClock
) -> None:
    deposit(market, "MUCH", 100_000)
    compared(market, around(clock, ("MUCH", 10_000), provider="mtn"))
    before = market.books.wallet(market.tina)
    command = replace(
        explanation("MUCH", our_utid=utid_of(market, "MUCH"), said=("in", 10_000)),
        account=trader(market),
        bucket="capital",
        amount_ugx=-90_000,
    )
    answer = market.one(command, market.market.operator.id)
    after = market.books.wallet(market.tina)
    assert after.capital_ugx == before.capital_ugx - 90_000
    assert answer.body["capital_ugx"] == after.capital_ugx
    assert rows(
        market,
        "payment_explanations",
        "provider, external_ref, our_utid, our_direction, our_amount_ugx, their_direction, their_amount_ugx, incident",
    ) == [("mtn", "MUCH", utid_of(market, "MUCH"), "in", 100_000, "in", 10_000, "INC-20261126-120000")]
    (entry,) = market.books.database.query(
        "SELECT type, amount_ugx, incident FROM wallet_ledger WHERE utid = ?", (answer.utid,)
    )
    assert entry == ("capital_correction", -90_000, "INC-20261126-120000")
    (logged,) = market.books.database.query(
        "SELECT action, reason, target_utid FROM admin_actions WHERE utid = ?", (answer.utid,)
    )
    assert logged == ("explain_payment", REASON, utid_of(market, "MUCH"))
    stood = digest(market.data)
    assert by_the_operator(market, command) == "already-explained"
    assert digest(market.data) == stood


def test_a_payment_that_never_came_and_one_that_no_book_has_are_explained_without_a_correction(
    market: Market, clock: TurnableClock
) -> None:
    deposit(market, "NEVER", 5_000)
    compared(market, around(clock, ("FEE", -300), ("GIFT", 700), provider="mtn"))
    assert by_the_operator(market, explanation("NEVER", our_utid=utid_of(market, "NEVER"))) == "accepted"
    assert by_the_operator(market, explanation("FEE", said=("out", 300))) == "accepted"
    assert by_the_operator(market, explanation("FEE", said=("out", 300))) == "already-explained"
    # Another amount under the same reference is another thing to explain.
    compared(market, around(clock, ("FEE", -400), provider="mtn"))
    assert by_the_operator(market, explanation("FEE", said=("out", 400))) == "accepted"
    found = rows(
        market, "payment_explanations", "external_ref, our_utid IS NULL, their_direction, their_amount_ugx"
    )
    assert [(str(ref), bool(alone), way, amount) for ref, alone, way, amount in found] == [
        ("NEVER", False, None, None),
        ("FEE", True, "out", 300),
        ("FEE", True, "out", 400),
    ]


@pytest.mark.rule("reconcile.explained")
def test_what_is_said_besides_of_a_payment_that_matched_is_explained_each_once(
    market: Market, clock: TurnableClock
) -> None:
    deposit(market, "BACK", 100_000)
    compared(market, around(clock, ("BACK", 100_000), provider="mtn"))
    back = explanation("BACK", our_utid=utid_of(market, "BACK"), said=("out", 100_000))
    assert by_the_operator(market, back) == "resumption-refused"
    compared(market, around(clock, ("BACK", -100_000), provider="mtn"))
    compared(market, around(clock, ("BACK", 70), provider="mtn"))
    assert by_the_operator(market, replace(back, their_direction="in")) == "already-reconciled"
    before = market.books.wallet(market.tina).capital_ugx
    taken = replace(back, account=trader(market), bucket="capital", amount_ugx=-100_000)
    # It is not the newest that was said.
    assert by_the_operator(market, taken) == "accepted"
    assert market.books.wallet(market.tina).capital_ugx == before - 100_000
    stood = digest(market.data)
    assert by_the_operator(market, taken) == "already-explained"
    assert digest(market.data) == stood
    other = explanation("BACK", our_utid=back.our_utid, said=("in", 70))
    assert by_the_operator(market, other) == "accepted"
    (run,) = market.books.database.query("SELECT min(id) FROM reconciliations")
    explained = [
        (item["kind"], item["their_direction"], item["explained_by"] is not None)
        for number in range(3)
        for item in reading.items(
            market.books.database, int(str(run[0])) + number, kind=None, after=0, limit=10
        )
        if item["external_ref"] == "BACK"
    ]
    assert explained == [("matched", "in", False), ("different", "out", True), ("different", "in", True)]


@pytest.mark.rule("reconcile.explained")
def test_only_the_operator_explains_and_only_with_a_reason_an_incident_and_as_it_stands(
    market: Market, clock: TurnableClock
) -> None:
    deposit(market, "MUCH", 100_000)
    deposit(market, "SAME", 4_000)
    compared(market, around(clock, ("MUCH", 10_000), ("SAME", 4_000), ("FEE", -300), provider="mtn"))
    much, same = utid_of(market, "MUCH"), utid_of(market, "SAME")
    right = explanation("MUCH", our_utid=much, said=("in", 10_000))
    other = market.books.user(market.tom)
    assert other is not None
    wrong = {
        "no reason": (replace(right, reason=""), "validation-failed"),
        "no incident": (replace(right, incident=""), "validation-failed"),
        "nobody's statement": (replace(right, provider="cash"), "validation-failed"),
        "no such payment": (explanation("NOWHERE", said=("in", 1)), "payment-not-found"),
        "it matches": (explanation("SAME", our_utid=same, said=("in", 4_000)), "already-reconciled"),
        "another amount": (replace(right, their_amount_ugx=9_000), "resumption-refused"),
        "no statement": (replace(right, their_direction=None, their_amount_ugx=None), "resumption-refused"),
        "as if no book had it": (replace(right, our_utid=None), "resumption-refused"),
        "another payment": (replace(right, our_utid=same), "resumption-refused"),
        "as if a book had it": (explanation("FEE", our_utid=much, said=("out", 300)), "resumption-refused"),
        "another's account": (
            replace(right, account=other.alias, bucket="capital", amount_ugx=-1),
            "validation-failed",
        ),
        "an account and no amount": (
            replace(right, account=trader(market), bucket="capital"),
            "validation-failed",
        ),
        "an amount and no balance": (
            replace(right, account=trader(market), amount_ugx=-1),
            "validation-failed",
        ),
        "a farmer's balance": (
            replace(right, account=trader(market), bucket="earnings", amount_ugx=-1),
            "validation-failed",
        ),
        "no account to correct": (
            replace(
                explanation("FEE", said=("out", 300)), account=trader(market), bucket="capital", amount_ugx=1
            ),
            "validation-failed",
        ),
    }
    stood = digest(market.data)
    assert {name: by_the_operator(market, command) for name, (command, _) in wrong.items()} == {
        name: code for name, (_, code) in wrong.items()
    }
    for somebody in (market.admin_id, market.tina):
        assert market.code(right, somebody) == "invalid-role"
    assert digest(market.data) == stood
    # Nothing stops it: it is a cure.
    gatefile = open_gate(market.data, system_id=market.market.system_id, role="control")
    impose(
        gatefile,
        rule="by hand",
        scope=EVERYTHING,
        classes=frozenset({OperationClass.RECONCILIATION, OperationClass.DEPOSIT}),
        cause="OPERATOR",
        reason=REASON,
        imposed_by="opr",
        clock=clock,
    )
    gatefile.close()
    assert (
        market.code(Deposit(amount_ugx=1, provider="mtn", external_ref="ONE-MORE"), market.tina)
        == "operation-restricted"
    )
    assert by_the_operator(market, right) == "accepted"


@pytest.mark.rule("ledger.correction", "ledger.unrecovered")
def test_a_correction_takes_at_most_what_is_there_and_the_rest_is_waived_once(market: Market) -> None:
    had = market.books.wallet(market.tina).capital_ugx
    command = Correct(
        account=trader(market),
        bucket="capital",
        amount_ugx=-had - 70_000,
        finding="7",
        incident="INC-20261126-120000",
        reason=REASON,
    )
    answer = market.one(command, market.market.operator.id)
    assert market.books.wallet(market.tina).capital_ugx == 0
    assert (answer.body["capital_ugx"], answer.body["unrecovered_ugx"]) == (0, 70_000)
    unrecovered = rows(market, "unrecovered", "utid, finding, incident, account, amount_ugx")
    assert unrecovered == [(answer.utid, "7", "INC-20261126-120000", trader(market), 70_000)]
    (booked,) = market.books.database.query("SELECT amount_ugx FROM journal WHERE utid = ?", (answer.utid,))
    assert booked == (-had,)
    # Where nothing is left no entry is written, and all of it is the rest.
    nothing = market.one(replace(command, amount_ugx=-5), market.market.operator.id)
    assert market.books.database.query("SELECT 1 FROM wallet_ledger WHERE utid = ?", (nothing.utid,)) == []
    assert rows(market, "unrecovered", "amount_ugx") == [(70_000,), (5,)]

    waiver = WaiveUnrecovered(
        finding="7", incident="INC-20261126-120000", reason=REASON, correction_utid=answer.utid
    )
    stood = digest(market.data)
    assert by_the_operator(market, replace(waiver, reason="")) == "validation-failed"
    assert by_the_operator(market, replace(waiver, correction_utid="nobody's")) == "unrecovered-not-found"
    assert market.code(waiver, market.admin_id) == "invalid-role"
    assert digest(market.data) == stood
    done = market.one(waiver, market.market.operator.id)
    assert done.body["amount_ugx"] == 70_000
    stood = digest(market.data)
    assert by_the_operator(market, waiver) == "already-waived"
    assert digest(market.data) == stood


def test_a_correction_of_a_farmers_earnings_takes_at_most_what_is_there(market: Market) -> None:
    farmer = market.books.user(market.farmer)
    assert farmer is not None
    command = Correct(
        account=farmer.alias, bucket="earnings", amount_ugx=-900, finding="7", incident="INC-1", reason=REASON
    )
    operator = market.market.operator.id
    assert market.one(replace(command, amount_ugx=400), operator).body["unrecovered_ugx"] == 0
    answer = market.one(command, operator)
    assert (answer.body["earnings_ugx"], answer.body["unrecovered_ugx"]) == (0, 500)
    assert market.books.earnings(market.farmer).balance_ugx == 0
    outcome = market.tried(replace(command, amount_ugx=0), operator)
    assert isinstance(outcome, Refusal)
    assert outcome.code == "validation-failed"


@pytest.mark.rule("ledger.correction")
def test_what_was_booked_under_an_earlier_role_is_corrected_in_that_roles_ledger(
    market: Market, clock: TurnableClock
) -> None:
    deposit(market, "OURS", 5_000)
    compared(market, around(clock, ("OURS", 2_000), provider="mtn"))
    alias, operator = trader(market), market.market.operator.id
    had = market.books.wallet(market.tina).capital_ugx
    command = Correct(
        account=alias, bucket="capital", amount_ugx=-had, finding="7", incident="INC-1", reason=REASON
    )
    market.one(command, operator)
    market.one(ChangeRole(account=alias, role="farmer", reason=REASON), market.admin_id)
    cures = MarketCures(market.executor, market.books, market.lease)
    said = explanation("OURS", our_utid=utid_of(market, "OURS"), said=("in", 2_000))
    explained = replace(said, account=alias, bucket="capital", amount_ugx=3_000)
    # The wallet paid, whatever the account is now.
    assert by_the_operator(market, replace(explained, bucket="earnings")) == "validation-failed"
    for act, bucket, asked, left in (
        (explained, "capital", 3_000, 0),
        (replace(command, bucket="earnings", amount_ugx=400), "earnings", 400, 0),
        (replace(command, amount_ugx=-1_000), "capital", -1_000, 0),
        (replace(command, amount_ugx=-9_000), "capital", -9_000, 7_000),
    ):
        predicted = cures.predict(account=alias, bucket=bucket, amount_ugx=asked)
        answer = market.one(act, operator).body
        assert {name: answer[f"{name}_ugx"] for name in predicted["after"]} == predicted["after"]
        assert answer["unrecovered_ugx"] == predicted["unrecovered"][bucket] == left
    assert market.books.wallet(market.tina).capital_ugx == 0
    assert market.books.earnings(market.tina).balance_ugx == 400
    entries = rows(market, f"wallet_ledger WHERE trader_id = {market.tina}", "number, type, amount_ugx")
    assert entries[-4:] == [
        (3, "capital_correction", -had),
        (4, "capital_correction", 3_000),
        (5, "capital_correction", -1_000),
        (6, "capital_correction", -2_000),
    ]
    # Who never had such a balance has none to correct.
    buyer = market.books.user(market.person("buyer"))
    assert buyer is not None
    assert by_the_operator(market, replace(command, account=buyer.alias)) == "validation-failed"
    with pytest.raises(CureRefused, match="This account has no balance"):
        cures.predict(account=buyer.alias, bucket="capital", amount_ugx=1)
