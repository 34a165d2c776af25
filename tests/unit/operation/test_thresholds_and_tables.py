"""The tables of threats and conditions are whole and agree with each other; thresholds are settings, and changes are on record."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from tests.worlds.detecting import Post
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.bootstrap.detecting import of_the_books, of_the_tiers
from watchkeeper.market.commands import Cure
from watchkeeper.operation import catalogue
from watchkeeper.operation.alerts.life import SEVERITIES
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.catalogue.conditions import CONDITIONS, cause_of, of_threat
from watchkeeper.operation.catalogue.playbooks import PLAYBOOKS
from watchkeeper.operation.catalogue.signs.model import CURES
from watchkeeper.operation.catalogue.steps import STEPS
from watchkeeper.operation.catalogue.threats import AS_THE_INVARIANT, AWAITED, THREATS
from watchkeeper.operation.console import threats as threatening
from watchkeeper.operation.detectors import thresholds
from watchkeeper.operation.detectors.people import AssignedRoles
from watchkeeper.operation.detectors.silence import EXPECTED, Silence
from watchkeeper.operation.detectors.thresholds import DEFAULTS, KNOWN

ALL_INVARIANTS = {
    f"{chapter}.{number}"
    for chapter, last in {1: 3, 2: 3, 3: 3, 4: 2, 5: 3, 6: 2, 7: 2, 8: 2, 9: 3, 10: 2}.items()
    for number in range(1, last + 1)
}


def test_there_are_twenty_four_threats_and_twenty_five_invariants_with_a_condition_each() -> None:
    assert len(THREATS) == 24
    assert len(ALL_INVARIANTS) == 25
    assert set(CONDITIONS) >= ALL_INVARIANTS
    assert set(INVARIANTS) <= ALL_INVARIANTS
    for threat in THREATS.values():
        assert threat.invariants or threat.detectors, threat.id
        assert of_threat(threat.id), f"{threat.id} raises no alert"
        assert set(threat.invariants) <= ALL_INVARIANTS
        if threat.contained == AS_THE_INVARIANT:
            assert threat.invariants
        for invariant in threat.invariants:
            assert threat.id in CONDITIONS[invariant].threats, (threat.id, invariant)
    for condition in CONDITIONS.values():
        assert set(condition.threats) <= set(THREATS), condition.id
        assert condition.severity in SEVERITIES


def test_the_eleven_alerts_of_the_catalogue_have_its_severities_and_playbooks() -> None:
    wanted = {
        "1.1": ("critical", "1"),
        "1.2": ("critical", "2"),
        "admin action spike": ("high", "3"),
        "rate-limit spike": ("medium", "4"),
        "role change spike": ("high", "5"),
        "6.1": ("critical", "6"),
        "7.1": ("critical", "7"),
        "system unavailable": ("critical", "8"),
        "database connection failed": ("critical", "9"),
        "8.2": ("high", "10"),
        "slow": ("medium", "8"),
    }
    assert {name: (CONDITIONS[name].severity, CONDITIONS[name].playbook) for name in wanted} == wanted


def test_what_an_alert_says_to_do_is_a_playbook_or_steps_in_words() -> None:
    for condition in CONDITIONS.values():
        assert condition.playbook in {*PLAYBOOKS, *STEPS, ""}, condition.id
        assert not (condition.opens and condition.words)
        if condition.playbook:
            assert condition.opens or condition.words
        # With its steps an alert still fits into what an alert may say.
        assert len(condition.words) < 1_000
    for name, invariant in INVARIANTS.items():
        assert (CONDITIONS[name].severity, CONDITIONS[name].playbook) == (
            invariant.severity,
            invariant.playbook,
        )


def test_no_alert_is_raised_under_a_condition_that_the_catalogue_does_not_have() -> None:
    source = Path(catalogue.__file__).resolve().parents[2]
    named = {
        keyword.value.value
        for path in source.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "condition" and isinstance(keyword.value, ast.Constant)
    }
    assert {"settings wrong", "alert path"} <= named
    assert named <= set(CONDITIONS)


def test_the_cures_that_no_rate_counts_are_those_of_the_market() -> None:
    assert set(CURES) == {command.name for command in Cure.__subclasses__()}


def test_every_detector_of_a_threat_runs_and_every_one_that_runs_is_of_a_threat(tmp_path: Path) -> None:
    running = {d.name for d in [*of_the_books(), *of_the_tiers(tmp_path), AssignedRoles()]}
    assert running == {*EXPECTED, *AWAITED, Silence.name}


def test_tiers_that_fail_are_one_cause_and_other_conditions_their_own() -> None:
    assert (
        cause_of("system unavailable") == cause_of("database connection failed") == cause_of("monitor silent")
    )
    assert cause_of("slow") == "slow"
    assert cause_of("of another version") == "of another version"


def test_the_defaults_are_the_catalogues(tmp_path: Path) -> None:
    found = thresholds.read(tmp_path)
    assert found == DEFAULTS
    assert (
        found["admin_actions_per_hour"],
        found["rate_limit_hits_per_hour"],
        found["role_changes_per_hour"],
    ) == (
        10,
        50,
        5,
    )
    assert found["address_unavailable_seconds"] == 60
    assert (found["address_slow_seconds"], found["together_seconds"]) == (300, 120)
    for known in KNOWN.values():
        assert known.least <= known.default <= known.most


@pytest.mark.parametrize(
    "line",
    [
        "admin_action_per_hour = 3",
        "admin_actions_per_hour = 0",
        "free_mib = true",
        'free_mib = "1"',
        "free_mib = 1.5",
    ],
)
def test_a_threshold_that_cannot_be_meant_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "settings.toml").write_text(f"[thresholds]\n{line}\n")
    with pytest.raises(SettingsWrong):
        thresholds.read(tmp_path)


def on_record(post: Post) -> list[tuple[str, object, object]]:
    rows = post.database.query(
        "SELECT subject, detail FROM operator_actions WHERE action = 'change threshold' ORDER BY id"
    )
    found = [(str(subject), json.loads(str(detail))) for subject, detail in rows]
    return [(subject, detail["old"], detail["new"]) for subject, detail in found]


def test_a_changed_threshold_is_in_force_and_on_record_with_old_and_new_once(post: Post) -> None:
    post.turn()
    assert on_record(post) == []
    post.set("admin_actions_per_hour = 3")
    post.turn()
    post.turn()
    assert post.seen("admin actions").value_max == 3
    post.restart()
    post.turn()
    assert on_record(post) == [("admin_actions_per_hour", 10, 3)]
    post.set("")
    post.turn()
    assert on_record(post)[1:] == [("admin_actions_per_hour", 3, 10)]


def test_settings_that_are_wrong_are_told_once_and_the_last_good_ones_stay_also_after_a_restart(
    post: Post,
) -> None:
    post.set("admin_actions_per_hour = 3")
    post.turn()
    post.set("admin_actions_per_hour = -3")
    post.turn()
    post.restart()
    post.turn()
    assert post.alerts() == [("settings wrong", "thresholds", "high", "open", 1)]
    assert post.seen("admin actions").value_max == 3
    post.set("admin_actions_per_hour = 4")
    post.turn()
    assert post.alerts() == [("settings wrong", "thresholds", "high", "resolved", 1)]
    assert [new for _, _, new in on_record(post)] == [3, 4]


def test_a_threat_says_what_shows_it_and_unknown_where_nothing_can(post: Post) -> None:
    post.turn()
    found = {view.id: view for view in threatening.current(post.database, clock=post.clock)}
    assert list(found) == list(THREATS)
    assert found["4.3"].state == "QUIET"
    assert found["4.3"].age_seconds is not None
    # No watch runs here and no write was proved: nothing is made up.
    assert found["2.1"].state == found["10.1"].state == "UNKNOWN"
    ages = {one.name: one for one in found["7.1"].evidence}
    assert (ages["free space"].state, ages["backup age"].state) == ("QUIET", "UNKNOWN")
    assert "backups are not made yet" in ages["backup age"].detail
    post.passes(hours=1)
    found = {view.id: view for view in threatening.current(post.database, clock=post.clock)}
    assert {view.state for view in found.values()} == {"UNKNOWN"}
