"""The operator explains payments and waives what is unrecovered: at the desk, from the page's forms and as typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.unit.bootstrap.test_money_that_no_statement_has import PAID, Office
from tests.worlds.books import REASON, digest
from watchkeeper.base.clock import as_datetime
from watchkeeper.bootstrap.command import app
from watchkeeper.bootstrap.detecting import Detecting, of_the_books
from watchkeeper.interfaces import control_room
from watchkeeper.interfaces.cli.shared import SESSION_FILE
from watchkeeper.interfaces.cli.status import render
from watchkeeper.interfaces.control_base import Actor
from watchkeeper.interfaces.control_room import ControlRoom
from watchkeeper.interfaces.control_web import actions, payments
from watchkeeper.interfaces.control_web.app import render as render_page
from watchkeeper.market.commands import ChangeRole, Correct
from watchkeeper.market.reconciliation import reading
from watchkeeper.market.signin import sessions
from watchkeeper.operation import journal
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue.unexplained import UNBOOKED
from watchkeeper.operation.playbooks.correcting import Difference
from watchkeeper.operation.playbooks.deskwork import DeskRefused


class Desk(Office):
    """An office whose operator sits in the control room."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.room = ControlRoom(data, clock=self.clock)

    def operator(self, *, fresh: bool = True) -> Actor:
        user = self.room.books.user(self.bench.market.operator.id)
        assert user is not None
        token = sessions.begin(self.room.identities, user, second_factor=fresh, at=self.clock.now())
        (self.world.data / "run" / SESSION_FILE).write_text(token, encoding="ascii")
        return self.room.actor(token)

    def acts(self, action: str, **fields: str) -> str:
        """What the page says to a form of the operator's."""
        fields |= {"action": action, "reason": fields.get("reason", REASON)}
        return actions.perform(self.room, self.operator(), fields, address="host")

    def refuses(self, action: str, **fields: str) -> str:
        with pytest.raises(DeskRefused) as caught:
            self.acts(action, **fields)
        return caught.value.code

    def page(self) -> str:
        """The page of payments, as it is sent."""
        common = {"csrf": "0", "operator": "opr", "fresh": False, "said": "", "refused": ""}
        return bytes(render_page("payments.html", payments.values(self.room) | common).body).decode()

    def typed(self, *arguments: str, code: int = 0) -> str:
        """What the command line answers."""
        result = CliRunner().invoke(app, [*arguments, "--data", str(self.world.data)])
        assert result.exit_code == code, result.output
        return result.output

    @property
    def tina(self) -> str:
        return self.world.alias_of(self.trader)

    @property
    def capital_now(self) -> int:
        return self.room.books.wallet(self.trader).capital_ugx


@pytest.fixture
def desk(data: Path) -> Iterator[Desk]:
    found = Desk(data)
    yield found
    found.room.close()
    found.views.close()
    found.worker.close()
    found.housekeeping.close()
    found.switching.close()
    found.books.close()
    found.world.close()


def test_the_page_lists_explains_predicts_and_corrects_and_the_alert_is_over(desk: Desk) -> None:
    everything = desk.capital() | PAID
    desk.deposit("MUCH", 100_000)
    desk.compare({**everything, "MUCH": 10_000, "FEE": -300}, hours_ago=1)
    desk.days_pass(1.1)
    assert [row[2] for row in desk.alerts()] == ["open"]
    page = desk.page()
    assert "MUCH" in page
    assert 'name="said" value="-300"' in page
    shown = payments.document(desk.room)
    assert [(row["condition"], row["reference"], row["way"]) for row in shown["payments"]] == [  # type: ignore[attr-defined]
        ("money unbooked", "FEE", "out"),
        ("money unmatched", "MUCH", "in"),
    ]
    assert "money    2 payments older than a day stand on one side only" in render(desk.room.overview())
    before = desk.capital_now
    form = {"provider": "mtn", "reference": "MUCH", "bucket": "capital", "amount_ugx": "-90000"}
    stood = digest(desk.world.data)
    with pytest.raises(DeskRefused, match=f"goes from {before:,} to {before - 90_000:,}"):
        desk.acts("explain-payment", **form)
    assert desk.refuses("explain-payment", **form, predicted=str(before)) == "resumption-refused"
    right = str(before - 90_000)
    assert desk.refuses("explain-payment", **form, predicted=right, reason="short") == "validation-failed"
    with pytest.raises(DeskRefused) as caught:
        desk.room.explain_payment(desk.operator(fresh=False), provider="mtn", reference="MUCH", reason=REASON)
    assert caught.value.code == "second-factor-required"
    fee = {"provider": "mtn", "reference": "FEE"}
    assert (
        desk.refuses("explain-payment", **fee, bucket="capital", amount_ugx="1", predicted="1")
        == "validation-failed"
    )
    assert desk.refuses("explain-payment", provider="mtn", reference="NOWHERE") == "not-found"
    assert digest(desk.world.data) == stood

    assert desk.acts("explain-payment", **form, predicted=right).startswith("Explained (")
    assert desk.capital_now == before - 90_000
    assert desk.acts("explain-payment", **fee).startswith("Explained (")
    assert desk.acts("explain-payment", **fee) == "It had been explained already."
    assert [row[2] for row in desk.alerts()] == ["resolved"]
    assert [row[2] for row in desk.alerts(UNBOOKED)] == ["resolved"]
    assert payments.document(desk.room)["payments"] == []
    responded = desk.world.database.query("SELECT responded_by FROM alerts WHERE condition LIKE 'money %'")
    assert {row[0] for row in responded} == {desk.operator().operator.alias}
    recorded = [
        act
        for act in journal.actions(desk.world.database, after=0, limit=100)
        if act.action == "explain payment"
    ]
    assert {act.subject for act in recorded} == {"mtn MUCH", "mtn FEE"}
    assert {act.reason for act in recorded} == {REASON}
    desk.turn()


def test_without_an_open_alert_the_incident_is_named_and_must_be_open(desk: Desk) -> None:
    desk.compare({**desk.capital(), **PAID, "FEE": -300}, hours_ago=1)
    operator = desk.operator()
    with pytest.raises(DeskRefused, match="Name the incident"):
        desk.room.explain_payment(operator, provider="mtn", reference="FEE", reason=REASON)
    alert = desk.room.declare_alert(operator, title="A fee", detail=REASON, severity="high")
    desk.worker.turn()
    ((incident,),) = desk.world.database.query(
        "SELECT incident_id FROM incident_alerts WHERE alert_id = ?", (alert.id,)
    )
    receipt = desk.room.explain_payment(
        operator, provider="mtn", reference="FEE", reason=REASON, incident=str(incident)
    )
    assert receipt is not None
    assert desk.query("SELECT incident FROM payment_explanations") == [(incident,)]


def test_of_several_things_that_statements_say_of_a_payment_one_is_named(desk: Desk) -> None:
    desk.compare({**desk.capital(), **PAID, "FEE": -300}, hours_ago=30)
    desk.compare({**desk.capital(), **PAID, "FEE": 300}, hours_ago=30)
    assert [row[2] for row in desk.alerts(UNBOOKED)] == ["open"]
    assert desk.refuses("explain-payment", provider="mtn", reference="FEE") == "validation-failed"
    for said in ("-300", "300"):
        assert desk.acts("explain-payment", provider="mtn", reference="FEE", said=said).startswith(
            "Explained"
        )
    assert [row[2] for row in desk.alerts(UNBOOKED)] == ["resolved"]


def test_what_a_provider_took_back_is_listed_explained_and_corrected(desk: Desk) -> None:
    everything = desk.capital() | PAID
    desk.compare(everything, hours_ago=30)
    desk.compare({**everything, "IN": -7_000}, hours_ago=30)
    assert [row[2] for row in desk.alerts(UNBOOKED)] == ["open"]
    assert 'name="said" value="-7000"' in desk.page()
    before = desk.capital_now
    form = {"provider": "mtn", "reference": "IN", "bucket": "capital", "amount_ugx": "-7000"}
    right = str(before - 7_000)
    assert desk.refuses("explain-payment", **form, predicted=right, said="7000") == "already-reconciled"
    responded = "SELECT responded_by FROM alerts WHERE condition = 'money unbooked'"
    # What was refused has answered nothing.
    assert desk.world.database.query(responded) == [(None,)]
    # What is meant without a word is what awaits one, not what matches.
    assert desk.acts("explain-payment", **form, predicted=right).startswith("Explained (")
    assert desk.capital_now == before - 7_000
    assert desk.world.database.query(responded) == [(desk.operator().operator.alias,)]
    # Whoever lost the answer asks again, at once or when its alert is over.
    assert desk.refuses("explain-payment", **form, predicted=right) == "already-explained"
    assert [row[2] for row in desk.alerts(UNBOOKED)] == ["resolved"]
    assert desk.refuses("explain-payment", **form, predicted=right) == "already-explained"
    taken = {"provider": "mtn", "reference": "IN", "said": "-7000"}
    assert desk.acts("explain-payment", **taken) == "It had been explained already."
    assert desk.capital_now == before - 7_000


@pytest.mark.rule("ledger.unrecovered")
def test_what_a_correction_cannot_take_is_shown_everywhere_until_it_is_waived(desk: Desk) -> None:
    desk.deposit("NEVER", 100_000)
    desk.compare(desk.capital() | PAID | {"NEVER": 1}, hours_ago=1)
    desk.days_pass(1.1)
    assert [row[2] for row in desk.alerts()] == ["open"]
    had = desk.capital_now
    detecting = Detecting(
        desk.world.data, system_id=desk.system_id, clock=desk.clock, detectors=of_the_books()
    )
    # More than is there: the rest is said before it is done.
    form = {"provider": "mtn", "reference": "NEVER", "bucket": "capital", "amount_ugx": str(-had - 5_000)}
    with pytest.raises(DeskRefused, match="5,000 are not there any more and stay unrecovered"):
        desk.acts("explain-payment", **form)
    desk.acts("explain-payment", **form, predicted="0")
    assert desk.capital_now == 0
    # It is as it was predicted, though less was taken than was asked for.
    assert detecting.look("corrections") == []
    (missing,) = desk.room.unrecovered()
    assert (missing.amount_ugx, missing.account, missing.finding) == (5_000, desk.tina, "mtn NEVER")
    overview = desk.room.overview()
    assert overview.unrecovered == [missing]
    assert f"UGX 5,000 of {desk.tina} unrecovered, for mtn NEVER" in render(overview)
    assert payments.document(desk.room)["unrecovered"] == [asdict(missing)]
    assert f"UGX 5,000</b> of {desk.tina}" in desk.page()
    assert payments.unrecovered(desk.room, 7) == []
    assert missing.utid in desk.typed("playbook", "unrecovered")

    assert desk.refuses("waive", correction="nobody's") == "not-found"
    assert desk.refuses("waive", correction=missing.utid, reason="short") == "validation-failed"
    with pytest.raises(DeskRefused) as caught:
        desk.room.desk.waive(missing.utid, reason=REASON, operator=desk.operator(fresh=False).operator)
    assert caught.value.code == "second-factor-required"
    assert desk.room.unrecovered() == [missing]
    assert desk.acts("waive", correction=missing.utid).startswith("Waived (")
    assert desk.room.unrecovered() == []
    assert desk.room.overview().unrecovered == []
    assert desk.refuses("waive", correction=missing.utid) == "not-found"
    waived = [
        act
        for act in journal.actions(desk.world.database, after=0, limit=100)
        if act.action == "waive unrecovered"
    ]
    assert [(act.subject, act.reason) for act in waived][-1] == (missing.utid, REASON)
    desk.turn()
    detecting.close()


def test_what_is_unrecovered_of_one_finding_is_found_behind_an_older_backlog(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for reference in ("OLDER", "NEWER"):
        desk.deposit(reference, 100_000)
    desk.compare(desk.capital() | PAID | {"OLDER": 1, "NEWER": 1}, hours_ago=1)
    desk.days_pass(1.1)
    assert [row[2] for row in desk.alerts()] == ["open"]
    form = {
        "provider": "mtn",
        "bucket": "capital",
        "predicted": "0",
        "amount_ugx": str(-desk.capital_now - 1),
    }
    for reference in ("OLDER", "NEWER"):
        desk.acts("explain-payment", **form, reference=reference)
    monkeypatch.setattr(control_room, "_LISTED_MAX", 1)
    assert [one.finding for one in desk.room.unrecovered()] == ["mtn OLDER"]
    assert [one.finding for one in desk.room.unrecovered("mtn NEWER")] == ["mtn NEWER"]


def test_the_watch_holds_after_corrections_of_an_account_whose_role_changed(desk: Desk) -> None:
    former = desk.bench.trader(capital_ugx=5_000)
    alias, operator = desk.world.alias_of(former), desk.bench.market.operator.id
    desk.turn()
    command = Correct(
        account=alias, bucket="capital", amount_ugx=-5_000, finding="7", incident="INC-1", reason=REASON
    )
    desk.bench.one(command, operator)
    desk.bench.one(ChangeRole(account=alias, role="farmer", reason=REASON), desk.admin)
    for bucket, amount in (("capital", 700), ("earnings", 300), ("capital", -900)):
        desk.bench.keep_lease()
        desk.bench.one(replace(command, bucket=bucket, amount_ugx=amount), operator)
    desk.turn()


def test_a_correction_with_an_explanation_that_comes_out_otherwise_stops_that_account(desk: Desk) -> None:
    desk.deposit("MUCH", 100_000)
    desk.compare({**desk.capital(), **PAID, "MUCH": 10_000})
    desk.days_pass(1.1)
    desk.alerts()
    operator, before = desk.operator(), desk.capital_now
    cures = desk.room.desk.cures
    explain = cures.explain

    def late(*arguments: object, **more: object) -> object:
        desk.deposit("BETWEEN", 1)
        return explain(*arguments, **more)  # type: ignore[arg-type]

    object.__setattr__(desk.room.desk, "cures", _Instead(cures, late))
    desk.room.explain_payment(
        operator,
        provider="mtn",
        reference="MUCH",
        reason=REASON,
        difference=Difference("capital", -90_000, before - 90_000),
    )
    alert = alerts.of(desk.world.database, condition="wrong correction", scope=f"account:{desk.tina}")
    assert alert is not None
    assert alert.severity == "critical"


class _Instead:
    """The cures, with something that happens in between."""

    def __init__(self, cures: object, explain: object) -> None:
        self._cures = cures
        self.explain = explain

    def __getattr__(self, name: str) -> object:
        return getattr(self._cures, name)


def test_the_command_line_lists_predicts_and_explains(desk: Desk) -> None:
    desk.deposit("MUCH", 100_000)
    desk.compare({**desk.capital(), **PAID, "MUCH": 10_000, "FEE": -300}, hours_ago=30)
    assert [row[2] for row in desk.alerts(UNBOOKED)] == ["open"]
    desk.operator()
    listed = json.loads(desk.typed("payment", "list", "--json"))
    assert [(row["reference"], row["stands in"], row["amount_ugx"]) for row in listed["payments"]] == [
        ("FEE", "statement", 300)
    ]
    assert "FEE" in desk.typed("payment", "list", "--provider", "mtn")
    assert "FEE" not in desk.typed("payment", "list", "--provider", "airtel")
    before = desk.capital_now
    explain = ("payment", "explain", "mtn", "MUCH", "--reason", REASON)
    correct = (*explain, "--bucket", "capital", "--amount=-90000")
    said = desk.typed(*correct)
    assert "The books say in UGX 100,000, the statement in UGX 10,000." in said
    assert f"--predicted {before - 90_000}" in said
    assert desk.capital_now == before
    desk.typed(*explain, "--bucket", "capital", code=2)
    desk.typed("payment", "explain", "mtn", "FEE", "--reason", "short", code=3)
    assert "Explained" in desk.typed(*correct, "--predicted", str(before - 90_000))
    assert desk.capital_now == before - 90_000
    assert "Explained" in desk.typed("payment", "explain", "mtn", "FEE", "--reason", REASON)
    assert "already" in desk.typed("payment", "explain", "mtn", "FEE", "--reason", REASON)
    assert [row[2] for row in desk.alerts(UNBOOKED)] == ["resolved"]
    # The comparison shows which of its items were explained since, and so does a new one of the same statement.
    ((run,),) = desk.query("SELECT id FROM reconciliations")
    items = reading.items(desk.room.books.database, int(str(run)), kind=None, after=0, limit=100)
    by = {str(ref): utid for ref, utid in desk.query("SELECT external_ref, utid FROM payment_explanations")}
    assert set(by) == {"MUCH", "FEE"}
    assert {item["external_ref"]: item["explained_by"] for item in items if item["explained_by"]} == by
    when = as_datetime(desk.clock.now()).strftime("%Y-%m-%d %H:%M:%S")
    statement = desk.world.data / "mtn.csv"
    statement.write_text(f"Id,Date,Amount\nMUCH,{when},10000\nFEE,{when},-300\nNEW,{when},-1\n")
    tried = desk.typed("reconcile", str(statement), "--map", "mtn", "--dry-run", "--json", code=1)
    marked = {item["external_ref"]: item["explained_by"] for item in json.loads(tried)["items"]}
    assert marked == {**by, "NEW": None}
