"""What threats stop by themselves: an account whose role nobody assigned, a wallet wrongly corrected, money on a full disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.worlds.books import REASON, TurnableClock
from tests.worlds.watched import Room
from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import open_database
from watchkeeper.bootstrap.command import app
from watchkeeper.bootstrap.detecting import Detecting, of_the_books, of_the_tiers
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.boundary.cures import Mandate, Receipt
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.boundary.views import Views
from watchkeeper.interfaces.control_base import Actor
from watchkeeper.interfaces.control_room import ControlRoom
from watchkeeper.market.commands import SuspendUser
from watchkeeper.market.cures.service import MarketCures
from watchkeeper.market.signin import sessions
from watchkeeper.operation import cycle
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue import books
from watchkeeper.operation.catalogue.signs.model import Reading
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.playbooks.deskwork import DeskRefused, Operator
from watchkeeper.operation.playbooks.threats import why_not_lifted
from watchkeeper.operation.verifier import findings


def withheld(room: Room) -> str:
    room.turn()
    return room.lease.row().withheld


def infer(room: Room) -> str:
    """A trader is an admin by a row that nobody's command wrote; the trader's scope."""
    owner = open_database(room.data, "market", role="owner")
    with owner.transaction("write"):
        owner.execute(
            "INSERT INTO role_history (id, utid, user_id, role_before, role_after, assigned_by, reason, at) "
            f"SELECT max(id) + 1, '20261126-120000-adm-forged', {room.market.tom}, 'trader', 'admin', "
            f"{room.market.admin_id}, 'forged by the test', {room.clock.now()} FROM role_history"
        )
    owner.close()
    user = room.market.books.user(room.market.tom)
    assert user is not None
    return f"account:{user.alias}"


def of_threats(room: Room) -> set[tuple[str, str]]:
    return {
        (r.rule, str(r.scope)) for r in imposing.active(room.gate) if r.rule in ("T1.1", "wrong correction")
    }


def test_the_watch_stops_an_account_whose_role_nobody_assigned_and_tells_it(room: Room) -> None:
    room.turn()
    assert of_threats(room) == set()
    scope = infer(room)
    room.turn()
    assert of_threats(room) == {("T1.1", scope)}
    (found,) = [r for r in imposing.active(room.gate) if r.rule == "T1.1"]
    assert found.classes == books.ACCOUNT | books.ADMIN
    alert = alerts.of(room.database, condition="T1.1", scope=scope)
    assert alert is not None
    assert (alert.severity, alert.times_raised) == ("high", 1)
    for _ in range(3):
        room.turn()
    again = alerts.of(room.database, condition="T1.1", scope=scope)
    assert again == alert


def test_a_crash_between_the_stop_and_its_alert_leaves_no_stop_without_one(room: Room) -> None:
    scope = infer(room)
    room.turn()
    room.database.execute("UPDATE alerts SET state = 'resolved', resolved_at = 1 WHERE condition = 'T1.1'")
    cycle.complete(room.database, room.gate, clock=room.clock)
    alert = alerts.of(room.database, condition="T1.1", scope=scope)
    assert alert is not None
    assert (alert.severity, alert.playbook) == ("high", "")


def test_it_is_lifted_when_the_account_cannot_act_and_not_before(room: Room) -> None:
    scope = infer(room)
    room.turn()
    control = ControlRoom(room.data, clock=room.clock)
    user = control.books.user(room.market.market.operator.id)
    assert user is not None
    token = sessions.begin(control.identities, user, second_factor=True, at=room.clock.now())
    session = sessions.find(control.identities, control.books, token, clock=room.clock)
    actor = Actor(session, Operator(user.id, user.alias, True))
    (stop,) = [r for r in imposing.active(room.gate) if r.rule == "T1.1"]
    with pytest.raises(DeskRefused, match="no command wrote it"):
        control.lift(actor, stop.id, reason=REASON)
    (other,) = [r for r in imposing.active(room.gate) if r.rule == "2.3"]
    with pytest.raises(DeskRefused, match="follow its playbook"):
        control.lift(actor, other.id, reason=REASON)
    room.market.lease.poll()
    room.market.one(SuspendUser(account=scope.partition(":")[2], reason=REASON), room.market.admin_id)
    control.lift(actor, stop.id, reason=REASON)
    assert of_threats(room) == set()
    assert alerts.of(room.database, condition="T1.1", scope=scope) is None
    room.turn()
    assert of_threats(room) == set()
    control.close()


def test_a_role_of_nobody_stops_everyone_until_its_row_is_dealt_with(tmp_path: Path) -> None:
    # A file lets an owner write a role of an account that there is not.
    room = Room(tmp_path / "data")
    room.turn()
    owner = open_database(room.data, "market", role="owner")
    owner.execute("PRAGMA foreign_keys = OFF")
    with owner.transaction("write"):
        owner.execute(
            "INSERT INTO role_history (id, utid, user_id, role_before, role_after, assigned_by, reason, at) "
            "SELECT max(id) + 1, '20261126-120000-adm-forged', 999999, NULL, 'admin', 1, 'forged by the test', max(at) "
            "FROM role_history"
        )
    room.turn()
    assert of_threats(room) == {("T1.1", "everything")}
    (stop,) = [r for r in imposing.active(room.gate) if r.rule == "T1.1"]
    with closing(Reading(Views(room.data, system_id=room.system_id))) as reading:
        assert "to nobody" in why_not_lifted(stop, reading=reading, database=room.database)
        owner.execute("DROP TRIGGER role_history_refuses_delete")
        owner.execute("DELETE FROM role_history WHERE user_id = 999999")
        assert not why_not_lifted(stop, reading=reading, database=room.database)
    owner.close()
    room.close()


def test_a_disk_that_is_nearly_full_and_a_write_that_fails_withhold_the_lease(room: Room) -> None:
    market = LeaseStore(room.data, system_id=room.system_id, role="market")
    assert withheld(room) == ""
    market.record_write(works=False, detail="database or disk is full", clock=room.clock)
    assert withheld(room) == "the books cannot be written: database or disk is full"
    market.record_write(works=True, detail="", clock=room.clock)
    assert withheld(room) == ""
    room.clock.boot_offset_seconds += 121
    assert withheld(room) == "no write into the books was proved lately"
    market.record_write(works=True, detail="", clock=room.clock)
    (room.data / "settings.toml").write_text("[thresholds]\nfree_mib = 1000000\n")
    room.clock.boot_offset_seconds += 6
    before = room.lease.row().counter
    assert "1,000,000 are needed" in withheld(room)
    assert room.lease.row().counter == before
    (room.data / "settings.toml").unlink()
    room.clock.boot_offset_seconds += 6
    assert withheld(room) == ""
    assert room.stops() == set()
    market.close()


class OffByOne(MarketCures):
    """Cures by somebody who cannot count."""

    def correct(self, mandate: Mandate, *, account: str, bucket: str, amount_ugx: int) -> Receipt:
        return super().correct(mandate, account=account, bucket=bucket, amount_ugx=amount_ugx + 1)


@pytest.fixture
def world(data: Path) -> Iterator[World]:
    found = World(data, clock=SystemClock())
    yield found
    found.close()


def test_a_correction_that_is_off_by_one_shilling_keeps_the_wallet_stopped_whatever_else_is_lifted(
    world: World,
) -> None:
    world.inject(
        (
            "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, "
            "profit_after, provider, external_ref, at) SELECT (SELECT max(id) + 1 FROM wallet_ledger), "
            "'20261126-120000-tra-zzzzzz', trader_id, number + 1, 'capital_deposit', 5000, capital_after + 5000, "
            "locked_after, profit_after, 'mtn', 'FOUND-1', at FROM wallet_ledger WHERE id = "
            "(SELECT max(id) FROM wallet_ledger WHERE trader_id = {trader})",
        )
    )
    world.turn()
    (run,) = runs.listed(world.database)
    (finding,) = findings.open_findings(world.database)
    act = {"incident": "INC-20261126-000000", "reason": REASON, "operator": world.operator}
    world.desk.acknowledge(run.id, finding.id, **act)  # type: ignore[arg-type]
    world.turn()
    world.desk.cures = OffByOne(world.bench.executor, world.bench.books, world.bench.lease)
    wanted = world.desk.predict(account=world.alias, bucket="capital", amount_ugx=-5000)["after"]["capital"]
    world.desk.correct(
        run.id,
        account=world.alias,
        bucket="capital",
        amount_ugx=-5000,
        predicted=wanted,
        **act,  # type: ignore[arg-type]
    )
    scope = f"account:{world.alias}"
    alert = alerts.of(world.database, condition="wrong correction", scope=scope)
    assert alert is not None
    assert alert.severity == "critical"
    assert f"predicted {wanted:,}, found {wanted + 1}" in alert.detail
    stopped = {(r.rule, str(r.scope)) for r in imposing.active(world.gatefile)}
    assert ("wrong correction", scope) in stopped
    assert world.can_deposit(world.victim) == "operation-restricted"
    assert world.can_deposit(world.neighbour) == "accepted"
    world.turn()
    assert ("wrong correction", scope) in {(r.rule, str(r.scope)) for r in imposing.active(world.gatefile)}


def test_the_command_line_says_of_each_threat_what_shows_it_and_when_that_was_looked_at(room: Room) -> None:
    clock = TurnableClock()
    detecting = [
        Detecting(room.data, system_id=room.system_id, clock=clock, detectors=detectors)
        for detectors in (of_the_books(), of_the_tiers(room.data))
    ]
    for one in detecting:
        one.turn()
        one.close()
    infer(room)
    room.turn()
    runner = CliRunner()
    found = json.loads(runner.invoke(app, ["threats", "--json", "--data", str(room.data)]).output)
    assert len(found) == 24
    rows = {row["id"]: row for row in found}
    assert (rows["1.1"]["state"], len(rows["1.1"]["alerts"])) == ("SEEN", 1)
    assert rows["4.1"]["evidence"][-1]["name"] == "reversals in haste"
    assert rows["7.1"]["state"] == "UNKNOWN"
    assert all("age_seconds" in row for row in found)
    text = runner.invoke(app, ["threats", "--data", str(room.data)]).output
    assert "1.1  SEEN     a role that was inferred, not assigned (high, alert" in text
    assert "detector backup age: UNKNOWN" in text
    assert "detector admin actions: QUIET" in text
