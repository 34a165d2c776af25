"""What the operator corrects, explains and waives is judged by what was asked for and what it refers to (2.1)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from watchkeeper.base.canonical import Value
from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.drills import business, forging
from watchkeeper.bootstrap.drills.faults.model import Sql, past
from watchkeeper.bootstrap.drills.turning import TurnedClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.boundary.views import EFFECTS, JOURNAL
from watchkeeper.market.commands import Command, Correct, Deposit, ExplainPayment, WaiveUnrecovered
from watchkeeper.operation.catalogue import corrected
from watchkeeper.operation.catalogue.context import Context, Found
from watchkeeper.operation.catalogue.referred import AsSealed, AsTheyStand
from watchkeeper.operation.verifier import verdicts

_CURE = {
    "finding": "1.1 somebody",
    "incident": "INC-20261126-120000",
    "reason": "a test of what is asked anew",
}


@dataclass(slots=True)
class Acts:
    """A market in which the operator has done each of them; act -> its UTID."""

    world: World
    utids: dict[str, str]

    def do(self, act: str, command: Command) -> None:
        self.utids[act] = self.world.bench.one(command, self.world.bench.market.operator.id).utid

    def read(self, context: Context, act: str) -> tuple[Found, list[Found]]:
        """Its journal row, and all rows that carry its UTID."""
        utid = (self.utids[act],)
        (entry,) = context.views.rows(JOURNAL, "utid = ? ORDER BY n", utid, limit=2)
        effects = [
            Found(view.table, int(str(row[view.key])), row)
            for view in EFFECTS
            for row in context.views.rows(view, f"utid = ? ORDER BY {view.key}", utid, limit=9)
        ]
        return Found("journal", int(str(entry["n"])), entry), effects


@pytest.fixture
def acts(data: Path) -> Iterator[Acts]:
    world = World(data, clock=TurnedClock(SystemClock()), business=business.whole)
    found = Acts(world, {})
    trader = world.victim
    alias, farmer = world.alias_of(trader), str(world.names["farmer_alias"])
    for reference in ("R-1", "R-2"):
        found.utids[reference] = world.bench.one(
            Deposit(amount_ugx=1000, provider="mtn", external_ref=reference), trader
        ).utid

    def explained(
        reference: str, account: str | None = None, bucket: str | None = None, amount_ugx: int = 0
    ) -> ExplainPayment:
        return ExplainPayment(
            **_CURE,
            provider="mtn",
            external_ref=reference,
            our_utid=found.utids[reference],
            their_direction=None,
            their_amount_ugx=None,
            account=account,
            bucket=bucket,
            amount_ugx=amount_ugx,
        )

    found.do("correct", Correct(**_CURE, account=alias, bucket="capital", amount_ugx=-700))
    found.do("farmer", Correct(**_CURE, account=farmer, bucket="earnings", amount_ugx=50))
    found.do("emptied", Correct(**_CURE, account=farmer, bucket="earnings", amount_ugx=-9_000_000))
    found.do("nothing moved", Correct(**_CURE, account=farmer, bucket="earnings", amount_ugx=-30))
    found.do("explained", explained("R-1"))
    found.do("explained and corrected", explained("R-2", account=alias, bucket="capital", amount_ugx=-400))
    found.do("waived", WaiveUnrecovered(**_CURE, correction_utid=found.utids["emptied"]))
    yield found
    world.close()


def _changed(
    entry: Found, effects: list[Found], table: str, change: Mapping[str, Value]
) -> tuple[Found, list[Found]]:
    if table == "arguments":
        asked = json.dumps(json.loads(str(entry.row["arguments"])) | dict(change))
        return Found("journal", entry.key, entry.row | {"arguments": asked}), effects
    if table == "journal":
        return Found("journal", entry.key, entry.row | dict(change)), effects
    assert any(one.table == table for one in effects)
    return entry, [
        Found(one.table, one.key, one.row | dict(change)) if one.table == table else one for one in effects
    ]


def test_what_was_done_as_it_should_be_is_accepted(acts: Acts) -> None:
    with (context := acts.world.continuous.context()).views.snapshot():
        _, effects = acts.read(context, "emptied")
        assert {one.table for one in effects} >= {"farmer_ledger", "unrecovered"}
        _, effects = acts.read(context, "nothing moved")
        assert "farmer_ledger" not in {one.table for one in effects}
    acts.world.turn()
    with (context := acts.world.continuous.context()).views.snapshot():
        for rows in (AsTheyStand(context), AsSealed(context)):
            for act in acts.utids:
                assert corrected.refused(*acts.read(context, act), rows) is None, act


_WRONG: list[tuple[str, str, dict[str, Value], str]] = [
    ("correct", "arguments", {"account": "F2M-TRA-000000"}, "another account than"),
    ("correct", "arguments", {"amount_ugx": -701}, "not what was asked for"),
    ("correct", "arguments", {"amount_ugx": "many"}, "what was to be corrected"),
    ("correct", "arguments", {"amount_ugx": 0}, "what was to be corrected"),
    ("correct", "arguments", {"bucket": "profit"}, "another balance"),
    ("correct", "arguments", {"bucket": 7}, "what was to be corrected"),
    ("correct", "arguments", {"incident": "INC-20261126-120001"}, "another incident"),
    ("correct", "journal", {"arguments": "["}, "another account than"),
    ("correct", "journal", {"arguments": b"\x00"}, "another account than"),
    ("correct", "journal", {"arguments": "[" * 50_000}, "another account than"),
    ("correct", "journal", {"amount_ugx": -1}, "another amount than it moved"),
    ("correct", "wallet_ledger", {"type": "profit_correction"}, "another balance"),
    ("correct", "wallet_ledger", {"amount_ugx": -1}, "not what was asked for"),
    ("correct", "wallet_ledger", {"incident": None}, "another incident"),
    ("correct", "wallet_ledger", {"trader_id": 1}, "another account's balance"),
    ("correct", "wallet_ledger", {"trader_id": None}, "another account's balance"),
    ("emptied", "unrecovered", {"amount_ugx": 1}, "not what was asked for"),
    ("emptied", "unrecovered", {"account": "somebody"}, "of something else"),
    ("emptied", "unrecovered", {"finding": "1.2 everything"}, "of something else"),
    ("emptied", "unrecovered", {"incident": "INC-20261126-120001"}, "of something else"),
    ("emptied", "farmer_ledger", {"balance_after": 5}, "there was enough"),
    ("nothing moved", "unrecovered", {"amount_ugx": 31}, "not what was asked for"),
    ("explained", "payment_explanations", {"our_amount_ugx": 999}, "not booked as it says"),
    ("explained", "payment_explanations", {"our_direction": "out"}, "not booked as it says"),
    ("explained", "payment_explanations", {"external_ref": "R-3"}, "another payment than was asked for"),
    (
        "explained",
        "payment_explanations",
        {"incident": "INC-20261126-120001"},
        "another payment than was asked for",
    ),
    ("explained", "arguments", {"amount_ugx": 1}, "nothing was to be corrected"),
    ("explained", "arguments", {"bucket": "capital", "amount_ugx": 1}, "than the payment's"),
    ("explained", "journal", {"subject": "airtel"}, "another payment than it says"),
    ("explained", "journal", {"target_utid": None}, "another payment than it says"),
    ("explained and corrected", "arguments", {"account": "F2M-TRA-000000"}, "than the payment's"),
    ("explained and corrected", "arguments", {"amount_ugx": -401}, "not what was asked for"),
    ("explained and corrected", "arguments", {"bucket": None}, "another ledger"),
    (
        "explained and corrected",
        "wallet_ledger",
        {"capital_after": "many", "amount_ugx": 400},
        "not what was asked",
    ),
    ("explained", "journal", {"amount_ugx": 0}, "nothing was to be corrected"),
    ("waived", "journal", {"amount_ugx": 1}, "nothing was left"),
    ("waived", "journal", {"target_utid": None}, "something else"),
    ("waived", "journal", {"subject": "somebody"}, "something else"),
    ("waived", "arguments", {"correction_utid": "20261126-120000-opr-zzzzzz"}, "something else"),
]


def test_what_differs_from_what_was_asked_for_or_refers_to_nothing_is_not(acts: Acts) -> None:
    with (context := acts.world.continuous.context()).views.snapshot():
        rows = AsTheyStand(context)
        for act, table, change, why in _WRONG:
            found = corrected.refused(*_changed(*acts.read(context, act), table, change), rows)
            assert why in (found or "accepted"), (act, table, change, found)


def test_there_is_one_entry_one_rest_and_one_explanation(acts: Acts) -> None:
    with (context := acts.world.continuous.context()).views.snapshot():
        rows = AsTheyStand(context)
        for act, table in (
            ("correct", "wallet_ledger"),
            ("emptied", "unrecovered"),
            ("explained", "payment_explanations"),
        ):
            entry, effects = acts.read(context, act)
            again = [one for one in effects if one.table == table]
            assert corrected.refused(entry, [*effects, *again], rows) is not None, act
        entry, effects = acts.read(context, "explained")
        assert corrected.refused(entry, [], rows) == "an explanation is of one payment"
        # More taken than was asked for, and called unrecovered the other way round.
        entry, effects = _changed(*acts.read(context, "emptied"), "arguments", {"amount_ugx": 9})
        effects = [
            Found(
                one.table,
                one.key,
                one.row | {"amount_ugx": {"farmer_ledger": 19, "unrecovered": 10}.get(one.table, 0)},
            )
            for one in effects
        ]
        assert (
            corrected.refused(entry, effects, rows)
            == "what it moved and what it left are not what was asked for"
        )


def test_an_explanation_names_what_is_booked_and_differs(acts: Acts) -> None:
    with (context := acts.world.continuous.context()).views.snapshot():
        rows = AsTheyStand(context)

        def explaining(**change: Value) -> str | None:
            entry, effects = acts.read(context, "explained")
            entry, effects = _changed(entry, effects, "arguments", change)
            if "our_utid" in change:
                entry, effects = _changed(entry, effects, "journal", {"target_utid": change["our_utid"]})
            return corrected.refused(*_changed(entry, effects, "payment_explanations", change), rows)

        assert explaining(their_direction="in", their_amount_ugx=1000) == "there was nothing to explain"
        assert explaining(their_direction="in", their_amount_ugx=999) is None
        assert explaining(our_utid=None) == "it says what is booked, and names nothing that is"
        assert explaining(our_utid="20261126-120000-tra-zzzzzz") == "the payment is not booked as it says"
        # The correction's own entry is no payment.
        assert explaining(our_utid=acts.utids["correct"]) == "the payment is not booked as it says"


def test_a_correction_beside_an_explanation_is_of_the_payments_own_ledger(acts: Acts) -> None:
    with (context := acts.world.continuous.context()).views.snapshot():
        rows = AsTheyStand(context)
        farmer = str(acts.world.names["farmer_alias"])
        entry, effects = acts.read(context, "explained and corrected")
        # The entry, the arguments and the balance agree with each other, and are not of the deposit's ledger.
        _, of_farmer = acts.read(context, "farmer")
        (credit,) = (one for one in of_farmer if one.table == "farmer_ledger")
        others = [one for one in effects if one.table != "wallet_ledger"]
        entry, others = _changed(
            entry, others, "arguments", {"account": farmer, "bucket": "earnings", "amount_ugx": 50}
        )
        entry, others = _changed(entry, others, "journal", {"amount_ugx": 50})
        assert (
            corrected.refused(entry, [*others, credit], rows)
            == "it corrects another account than the payment's"
        )
        entry, others = _changed(
            entry, others, "arguments", {"account": acts.world.alias_of(acts.world.victim)}
        )
        assert (
            corrected.refused(entry, [*others, credit], rows)
            == "it corrects another ledger than the payment's"
        )
        # Nor does what no book has move anybody's money.
        nobodys: dict[str, Value] = {"our_utid": None, "our_direction": None, "our_amount_ugx": None}
        nobodys |= {"their_direction": "out", "their_amount_ugx": 7000}
        entry, effects = acts.read(context, "explained and corrected")
        entry, effects = _changed(entry, effects, "payment_explanations", nobodys)
        asked = {name: value for name, value in nobodys.items() if not name.startswith("our_d")}
        entry, effects = _changed(entry, effects, "arguments", asked)
        entry, effects = _changed(entry, effects, "journal", {"target_utid": None})
        assert corrected.refused(entry, effects, rows) == "it corrects what no payment moved"


def test_a_row_that_somebody_put_under_a_payments_utid_speaks_against_no_explanation(acts: Acts) -> None:
    acts.world.turn()
    forged = (
        "INSERT INTO payouts (id, utid, farmer_id, amount_ugx, provider, external_ref, at) SELECT "
        f"coalesce(max(p.id), 0) + 1, '{acts.utids['R-1']}', {{farmer}}, 5000, 'mtn', 'R-9', 1 FROM payouts p"
    )
    forging.commit(acts.world.data, Sql((forged,)), acts.world.names)
    with (context := acts.world.continuous.context()).views.snapshot():
        for rows in (AsTheyStand(context), AsSealed(context)):
            assert corrected.refused(*acts.read(context, "explained"), rows) is None


def test_acts_that_were_taken_out_of_the_books_speak_against_nobody_who_came_after(acts: Acts) -> None:
    """Whoever takes out a payment and what a correction left, with their journal rows, is found; not the operator."""
    acts.world.turn()
    gone = [(table, acts.utids[act]) for act, table in (("R-1", "wallet_ledger"), ("emptied", "unrecovered"))]
    statements = [
        statement
        for table, utid in gone
        for statement in (
            *past(f"{table}_refuses_delete", f"DELETE FROM {table} WHERE utid = '{utid}'"),
            *past("journal_refuses_delete", f"DELETE FROM journal WHERE utid = '{utid}'"),
        )
    ]
    forging.commit(acts.world.data, Sql(tuple(statements)), {})
    acts.world.full_pass()
    found = {
        str(invariant): str(detail)
        for invariant, detail in acts.world.database.query(
            "SELECT invariant, detail FROM findings WHERE state = 'open'"
        )
    }
    assert "1.2" in found
    assert "2.1" not in found
    words = {
        view.invariant: view.full for view in verdicts.current(acts.world.database, clock=acts.world.clock)
    }
    assert words["2.1"] == "UNKNOWN", "nobody can be asked what the acts said"


def test_a_second_waiver_is_found_and_the_first_is_not_blamed(acts: Acts) -> None:
    acts.world.turn()
    with (context := acts.world.continuous.context()).views.snapshot():
        entry, effects = acts.read(context, "waived")
        later = Found("journal", entry.key + 1, entry.row)
        for rows in (AsTheyStand(context), AsSealed(context)):
            assert corrected.refused(later, effects, rows) == "it was waived already"
            assert corrected.refused(entry, effects, rows) is None


def test_an_act_that_came_to_be_a_waiver_after_it_was_sealed_makes_no_honest_one_the_second(
    acts: Acts,
) -> None:
    acts.world.turn()
    tampered = past(
        "journal_refuses_update",
        f"UPDATE journal SET command = 'waive_unrecovered', target_utid = '{acts.utids['emptied']}' "
        f"WHERE utid = '{acts.utids['R-1']}'",
    )
    forging.commit(acts.world.data, Sql(tampered), {})
    with (context := acts.world.continuous.context()).views.snapshot():
        entry, effects = acts.read(context, "waived")
        assert corrected.refused(entry, effects, AsTheyStand(context)) == "it was waived already"
        assert corrected.refused(entry, effects, AsSealed(context)) is None
