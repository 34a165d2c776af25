"""The command line against a running system: what it answers, what it refuses, and that it needs no web."""

from __future__ import annotations

import json
import os
import re
import signal

import pytest
from typer.testing import CliRunner

from tests.waiting import until
from tests.worlds.system import REASON, System
from watchkeeper.bootstrap.command import app
from watchkeeper.interfaces.cli.shared import printable


@pytest.fixture(scope="module")
def system(system_apart: System) -> System:
    """Its own: others use up the operator's recovery codes and the pilot's places."""
    return system_apart


@pytest.fixture(scope="module")
def signed_in(system: System) -> System:
    system.command(
        "login", "--alias", system.operator.alias, "--code", system.operator_codes.pop(), secret=True
    )
    return system


def test_status_and_check_say_that_all_holds_by_their_exit_code(system: System) -> None:
    found = json.loads(system.command("status", "--json"))
    assert found["worst"] == "HOLDS"
    assert found["watch"]["behind"] is not None
    assert "works" in system.command("status")
    system.command("check")
    found = json.loads(system.command("check", "--full", "--json"))
    assert {row["full"] for row in found["invariants"]} == {"HOLDS"}


@pytest.mark.rule("cli.named")
def test_nothing_is_done_without_a_session(system: System) -> None:
    session = system.data / "run" / "operator-session"
    kept = session.read_text() if session.exists() else None
    session.unlink(missing_ok=True)
    for arguments in (
        ("switch", "shutdown", "engage", "--reason", REASON),
        ("restrict", "impose", "everything", "lock", "--reason", REASON),
        ("alert", "declare", "x", "--detail", REASON),
        ("rebuild-gate", "--reason", REASON),
    ):
        system.command(*arguments, code=3)
    if kept is not None:
        session.write_text(kept)


def test_a_restriction_by_hand_bites_at_once_and_is_lifted_again(signed_in: System) -> None:
    system = signed_in
    victim, neighbour = system.traders
    imposed = json.loads(
        system.command(
            "restrict", "impose", f"account:{victim.alias}", "deposit", "--reason", REASON, "--json"
        )
    )
    deposit = {"amount_ugx": 1000, "provider": "cash", "external_ref": "BY-HAND"}
    with pytest.raises(Exception, match="operation-restricted"):
        victim.post("/v1/deposits", deposit)
    neighbour.post("/v1/deposits", deposit)
    listed = json.loads(system.command("restrict", "list", "--json"))
    assert [(row["scope"], row["cause"]) for row in listed] == [(f"account:{victim.alias}", "OPERATOR")]
    system.command("restrict", "lift", str(imposed["restriction"]), "--reason", REASON)
    victim.post("/v1/deposits", deposit | {"external_ref": "AGAIN"})


def test_a_switch_and_the_journal_and_the_trail_of_both(signed_in: System) -> None:
    system = signed_in
    flip = json.loads(system.command("switch", "pilot_mode", "engage", "--reason", REASON, "--json"))
    assert flip["engaged"]
    with pytest.raises(Exception, match="pilot-mode-active"):
        system.traders[0].post(
            "/v1/deposits", {"amount_ugx": 1000, "provider": "cash", "external_ref": "PILOT"}
        )
    system.command("switch", "pilot_mode", "release", "--reason", REASON)
    assert flip["utid"] in system.command("journal", "--limit", "5")
    alerts = json.loads(system.command("alert", "list", "--json"))
    raised = next(row for row in alerts if row["condition"] == "switch pilot_mode")
    system.command("alert", "ack", str(raised["id"]), "--next", "nothing; it was a test")
    system.command("alert", "resolve", str(raised["id"]), "--reason", REASON)
    assert system.command("incident", "list")


@pytest.mark.rule("pace.host-open")
def test_it_works_with_the_web_down_and_the_stop_file_needs_nothing(signed_in: System) -> None:
    system = signed_in
    control = system.pid("control")
    os.kill(control, signal.SIGSTOP)
    try:
        assert json.loads(system.command("status", "--json"))["worst"] == "HOLDS"
    finally:
        os.kill(control, signal.SIGCONT)
    stop = system.data / "STOP"
    stop.touch()
    try:
        until(lambda: _refused_as(system) == "system-shut-down", what="the stop file is obeyed")
        until(lambda: _shut_down(system), what="shutdown is held")
    finally:
        stop.unlink()
    # The hold stays after the file is gone; the operator releases it.
    assert _shut_down(system)
    assert _refused_as(system) == "system-shut-down"
    system.command("switch", "shutdown", "release", "--reason", REASON)
    until(lambda: _refused_as(system) == "", what="business goes on")


def _shut_down(system: System) -> bool:
    return any(one["switch"] == "shutdown" and one["holds"] for one in system.operator.overview()["switches"])


def _refused_as(system: System) -> str:
    try:
        system.admin.post("/v1/users", {"role": "farmer", "reason": REASON})
    except Exception as refused:
        return str(refused)
    return ""


def test_a_lost_gate_is_unknown_and_comes_back_by_the_operators_word(signed_in: System) -> None:
    system = signed_in
    system.lose_gate()
    until(lambda: _refused_as(system) == "capability-blocked", what="everything stands still")
    system.command("restrict", "list", code=4)
    assert "cannot be read" in system.command("status", code=2)
    system.command("rebuild-gate", "--reason", REASON)
    until(lambda: _refused_as(system) == "system-shut-down", what="the new gate is obeyed")
    for switch in ("shutdown", "pilot_mode", "purchase_window"):
        system.command("switch", switch, "release", "--reason", REASON)
    until(system.ready, seconds=60, what="the market is ready again")
    until(lambda: system.operator.overview()["worst"] == "HOLDS", seconds=60, what="all holds")
    assert system.lock(system.traders[0])["utid"]
    for alert in json.loads(system.command("alert", "list", "--json")):
        system.command("alert", "resolve", str(alert["id"]), "--reason", REASON)


def test_every_command_teaches() -> None:
    """In this process: the help of a command needs no running system."""
    runner = CliRunner()

    def taught(*arguments: str) -> str:
        answer = runner.invoke(app, [*arguments, "--help"], prog_name="watchkeeper")
        assert answer.exit_code == 0, arguments
        return answer.output

    seen = 0
    for group in ("", "alert", "restrict", "playbook", "payment", "incident", "seal", "bench"):
        above = [group] if group else []
        for name in re.findall(
            r"^\W*([a-z][a-z-]+)  ", taught(*above).partition("Commands")[2], re.MULTILINE
        ):
            assert len(taught(*above, name)) > 200, name
            seen += 1
    assert seen > 25


def test_text_from_outside_commands_nothing_of_the_terminal() -> None:
    assert printable("a\x1b[2Jb\x07\u202ec\ud800\n") == "a\\x1b[2Jb\\x07\\u202ec\\ud800\n"
