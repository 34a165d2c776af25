"""For each metric the real thing happens, and the metric moves by it."""

from __future__ import annotations

import base64
import secrets
from contextlib import closing

import pytest

from tests.worlds.books import REASON
from tests.worlds.measured import MeasuredRoom
from tests.worlds.receivers import WebhookReceiver
from watchkeeper.base.clock import later
from watchkeeper.boundary.gate import STOP_FILE_NAME, Scope, Switch
from watchkeeper.market.commands import (
    ActivateUser,
    Answer,
    ChangeRole,
    Command,
    CreateListing,
    Deposit,
    InviteUser,
    PayToLock,
)
from watchkeeper.market.refusals import Refusal
from watchkeeper.operation.alerts import life
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.catalogue.metrics import METRICS
from watchkeeper.operation.catalogue.model import Invariant
from watchkeeper.operation.metrics.sampler import Probe, Sampler
from watchkeeper.operation.notifications import outbox
from watchkeeper.operation.notifications.channels import Webhook
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.seals.publish import Publisher


def run(room: MeasuredRoom, command: Command, actor_id: int) -> Answer | Refusal:
    """A command through the entrance, and what is counted about it."""
    room.turn()
    outcome = room.market.executor.run([room.market.act(command, actor_id)])[0]
    room.market.executor.flush_notes()
    return outcome


def done(room: MeasuredRoom, command: Command, actor_id: int) -> Answer:
    outcome = run(room, command, actor_id)
    assert isinstance(outcome, Answer), outcome
    return outcome


def units(room: MeasuredRoom, *, price_ugx_per_kg: int, number: int) -> list[int]:
    command = CreateListing(produce="Vanilla", grams=10_000 * number, price_ugx_per_kg=price_ugx_per_kg)
    found = done(room, command, room.market.farmer).body["unit_ids"]
    assert isinstance(found, list)
    return found


def known(value: int | None) -> int:
    assert value is not None
    return value


def test_a_quiet_market_is_known_but_for_what_has_no_check_yet(measured: MeasuredRoom) -> None:
    measured.tiers = {"books": Probe(up=True, milliseconds=2)}
    missing = {
        metric
        for metric, counted in {
            "orphaned_utids": ["8.2"],
            "balance_overwrites": ["1.3"],
            "stopped_commands_passed": ["7.2"],
        }.items()
        if not set(counted) <= set(INVARIANTS)
    }
    assert set(measured.look().unknown) == missing


def test_entries_and_utids_count_up_with_a_deposit(measured: MeasuredRoom) -> None:
    before = measured.look()
    done(measured, Deposit(amount_ugx=1000, provider="mtn", external_ref="M1"), measured.market.tina)
    after = measured.look()
    entries = ("ledger_entries", ("wallet_ledger",))
    assert after.values[entries] == before.values[entries] + 1
    assert after.values["utids_total", ()] == before.values["utids_total", ()] + 1
    assert after.values["utids_last_hour", ()] == before.values["utids_last_hour", ()] + 1


def test_exposure_follows_a_lock_and_a_refused_one_is_counted(measured: MeasuredRoom) -> None:
    trader = measured.market.trader(capital_ugx=2_000_000)
    refused = known(measured.value("locks_refused_for_exposure_last_hour"))
    dear = units(measured, price_ugx_per_kg=30_000, number=4)
    for unit in dear[:3]:
        done(measured, PayToLock(unit_id=unit), trader)
    assert measured.value("account_exposure_ugx", measured.alias(trader)) == 900_000
    assert measured.value("exposure_highest_ugx") == 900_000
    assert measured.value("exposure_total_ugx") == 900_000
    assert measured.value("exposure_others_ugx") == 0
    answer = run(measured, PayToLock(unit_id=dear[3]), trader)
    assert isinstance(answer, Refusal)
    assert answer.code == "spend-cap-exceeded"
    assert measured.value("locks_refused_for_exposure_last_hour") == refused + 1
    assert measured.value("account_exposure_ugx", measured.alias(trader)) == 900_000


def test_admin_actions_and_role_changes_are_counted_and_a_first_role_is_none(measured: MeasuredRoom) -> None:
    before = measured.look()
    answer = done(measured, InviteUser(role="farmer", reason=REASON), measured.market.admin_id)
    invited = measured.look()
    assert invited.values["admin_actions_last_hour", ()] == before.values["admin_actions_last_hour", ()] + 1
    assert invited.values["role_changes_last_hour", ()] == before.values["role_changes_last_hour", ()]
    done(measured, ActivateUser(), int(str(answer.body["user_id"])))
    done(
        measured,
        ChangeRole(account=str(answer.body["alias"]), role="buyer", reason=REASON),
        measured.market.admin_id,
    )
    changed = measured.look()
    assert changed.values["role_changes_last_hour", ()] == before.values["role_changes_last_hour", ()] + 1


def test_a_rate_is_the_same_after_a_restart_and_over_after_an_hour(measured: MeasuredRoom) -> None:
    count = known(measured.value("admin_actions_last_hour"))
    assert count > 0
    assert measured.sampled(seconds_later=0).values["admin_actions_last_hour", ()] == count
    assert measured.sampled(seconds_later=61 * 60).values["admin_actions_last_hour", ()] == 0


def test_rate_limit_hits_are_counted(measured: MeasuredRoom) -> None:
    trader = measured.market.person("trader")
    before = known(measured.value("rate_limit_hits_last_hour"))
    outcomes = [
        run(measured, Deposit(amount_ugx=1000, provider="mtn", external_ref=f"R{number}"), trader)
        for number in range(12)
    ]
    hits = sum(isinstance(outcome, Refusal) for outcome in outcomes)
    assert hits == 2
    assert measured.value("rate_limit_hits_last_hour") == before + 2


@pytest.mark.parametrize(
    ("switch", "metric", "when_engaged"),
    [
        (Switch.PILOT_MODE, "pilot_mode_engaged", 1),
        (Switch.SHUTDOWN, "shutdown_engaged", 1),
        (Switch.PURCHASE_WINDOW, "purchase_window_open", 0),
    ],
)
def test_a_switch_is_seen_to_turn(
    measured: MeasuredRoom, switch: Switch, metric: str, when_engaged: int
) -> None:
    measured.flip(switch, "engage")
    assert measured.value(metric) == when_engaged
    measured.flip(switch, "release")
    assert measured.value(metric) == 1 - when_engaged


def test_the_stop_file_is_a_shutdown(measured: MeasuredRoom) -> None:
    assert measured.value("shutdown_engaged") == 0
    (measured.data / STOP_FILE_NAME).touch()
    assert measured.value("shutdown_engaged") == 1
    (measured.data / STOP_FILE_NAME).unlink()


def test_a_switch_that_does_not_bite_shows_and_an_old_probe_says_nothing(measured: MeasuredRoom) -> None:
    bites = ("switch_probe_bites", "pilot_mode")
    for wanted in (False, True):
        measured.bites["pilot_mode"] = wanted
        assert measured.value(*bites) == int(wanted)
    scale = METRICS["switch_probe_age_seconds"].scale
    assert known(measured.value("switch_probe_age_seconds", "pilot_mode")) < 60 * scale
    later_on = measured.sampled(seconds_later=200)
    assert (bites[0], bites[1:]) not in later_on.values
    assert "old" in later_on.unknown["switch_probe_bites"]
    assert later_on.values["switch_probe_age_seconds", ("pilot_mode",)] >= 200 * scale


def test_a_tier_that_does_not_answer_is_down(measured: MeasuredRoom) -> None:
    measured.tiers = {"market": Probe(up=True, milliseconds=7), "books": Probe(up=False, milliseconds=None)}
    now = measured.look()
    assert now.of("tier_up") == {("market",): 1, ("books",): 0}
    assert now.of("tier_response_seconds") == {("market",): 7}
    measured.tiers = {}
    assert measured.value("tier_up", "market") is None
    assert measured.why("tier_up") == "nothing was probed"


def test_books_of_another_system_are_no_database_connection(measured: MeasuredRoom) -> None:
    assert measured.value("database_up") == 1
    with closing(
        Sampler(measured.data, system_id="another", database=measured.database, clock=measured.clock)
    ) as sampler:
        found = sampler.critical()
    assert found.readings["database_up", ()] == 0
    assert "another system" in found.unknown["ledger_entries"]
    assert "another system" in found.unknown["pilot_mode_engaged"]


@pytest.mark.parametrize(
    ("invariant", "metric", "labels"),
    [
        ("1.3", "balance_overwrites", ()),
        ("8.2", "orphaned_utids", ()),
        ("7.2", "stopped_commands_passed", ("purchase_window",)),
        ("7.1", "stopped_commands_passed", ("pilot_mode",)),
        ("1.2", "ledger_entries_altered", ()),
    ],
)
def test_what_must_be_zero_counts_findings_of_a_check_that_is_fresh(
    measured: MeasuredRoom,
    monkeypatch: pytest.MonkeyPatch,
    invariant: str,
    metric: str,
    labels: tuple[str, ...],
) -> None:
    if invariant not in INVARIANTS:
        assert measured.value(metric, *labels) is None
        assert "no fresh verdict" in measured.why(metric)
        monkeypatch.setitem(INVARIANTS, invariant, Invariant(invariant, "a rule", "high", "11"))
    measured.turn()
    measured.full_pass()
    assert measured.value(metric, *labels) == 0
    finding = measured.finding(invariant, key=f"{metric} 1")
    assert measured.value(metric, *labels) == 1
    measured.close_finding(finding)
    measured.full_pass()
    assert measured.value(metric, *labels) == 0
    # Nobody has looked for longer than a verdict counts.
    assert (metric, labels) not in measured.sampled(seconds_later=7300).values


def test_an_inconsistent_balance_names_its_account_and_no_other(measured: MeasuredRoom) -> None:
    measured.full_pass()
    measured.turn()
    tina, trader = measured.alias(measured.market.tina), measured.market.trader(capital_ugx=500_000)
    unit = units(measured, price_ugx_per_kg=1000, number=1)[0]
    done(measured, PayToLock(unit_id=unit), trader)
    assert measured.value("balances_inconsistent") == 0
    finding = measured.finding("1.1", scope=Scope("account", tina), key="wallet 1")
    now = measured.look()
    assert now.values["balances_inconsistent", ()] == 1
    assert now.values["account_balance_consistent", (tina,)] == 0
    assert now.values["account_balance_consistent", (measured.alias(trader),)] == 1
    measured.close_finding(finding)
    measured.full_pass()
    assert measured.value("balances_inconsistent") == 0


def test_the_lag_is_what_no_pass_has_read(measured: MeasuredRoom) -> None:
    measured.turn()
    assert measured.sampler.critical().readings["watch_lag_rows", ()] == 0
    measured.market.lease.poll()
    measured.market.one(Deposit(amount_ugx=1000, provider="mtn", external_ref="L1"), measured.market.tom)
    assert measured.sampler.critical().readings["watch_lag_rows", ()] == 1
    measured.turn()
    assert measured.sampler.critical().readings["watch_lag_rows", ()] == 0


def test_a_row_is_unsealed_until_a_checkpoint_covers_it(measured: MeasuredRoom) -> None:
    publisher = Publisher(measured.data, system_id=measured.system_id)
    measured.turn()
    publisher.publish(measured.database, logs.MAIN)
    assert measured.value("unsealed_seconds") == 0
    done(measured, Deposit(amount_ugx=1000, provider="mtn", external_ref="S1"), measured.market.tina)
    measured.clock.instant_offset += 3_000_000
    assert known(measured.value("unsealed_seconds")) >= 3 * METRICS["unsealed_seconds"].scale
    publisher.publish(measured.database, logs.MAIN)
    assert measured.value("unsealed_seconds") == 0


def test_verdicts_and_the_lease_grow_old_by_boot_time(measured: MeasuredRoom) -> None:
    now = measured.look()
    scale = METRICS["verdict_age_seconds"].scale
    assert now.values["verdict_holds", ("2.3", "continuous")] == 1
    assert now.values["verdict_age_seconds", ("2.3", "continuous")] < 30 * scale
    assert now.values["lease_kept", ()] == 1
    readings = measured.sampled(seconds_later=100).values
    assert readings["verdict_age_seconds", ("2.3", "continuous")] >= 100 * scale
    assert readings["lease_age_seconds", ()] >= 100 * METRICS["lease_age_seconds"].scale
    assert readings["lease_kept", ()] == 0
    assert ("verdict_holds", ("2.3", "continuous")) not in readings


def test_open_findings_are_counted_by_their_invariant(measured: MeasuredRoom) -> None:
    before = known(measured.value("findings_open", "6.1"))
    finding = measured.finding("6.1", scope=Scope("account", "tra_nobody"), key="account 0")
    assert measured.value("findings_open", "6.1") == before + 1
    measured.close_finding(finding)


def test_telling_and_answering_are_measured(measured: MeasuredRoom) -> None:
    receiver = WebhookReceiver(secrets.token_bytes(24))
    receiver.start()
    before = measured.look()
    finding = measured.finding("2.3", key="telling")
    at = measured.clock.now()
    with measured.database.transaction("write"):
        alert = life.raise_alert(
            measured.database,
            condition="a trial",
            scope="everything",
            severity="low",
            title="A trial",
            detail="of the way",
            playbook="",
            finding_ids=[finding],
            by="t",
            at=at,
        )
    measured.clock.instant_offset += 4_000_000
    secret = f"whsec_{base64.b64encode(receiver.secret).decode()}"
    channel = Webhook("phone", receiver.url, secret, clock=measured.clock)
    outbox.enqueue(measured.database, ["phone", "mail"], clock=measured.clock)
    outbox.send_due(measured.database, {"phone": channel}, clock=measured.clock, link="", limit=200)
    now = measured.look()
    assert now.values["alerts_open", ("low",)] == before.values["alerts_open", ("low",)] + 1
    assert now.values["channel_delivered_last_day", ("phone",)] > 0
    assert now.values["channel_failures_last_day", ("phone",)] == 0
    assert now.values["channel_waiting", ("mail",)] > 0
    assert now.values["detection_to_told_seconds", ()] >= 4 * METRICS["detection_to_told_seconds"].scale
    assert now.values["alert_response_seconds", ("low",)] >= 4 * METRICS["alert_response_seconds"].scale
    assert sum(now.of("alerts_last_day").values()) > sum(before.of("alerts_last_day").values())
    with measured.database.transaction("write"):
        life.resolve(measured.database, alert.id, by="t", reason="over", causes=(), at=later(at, seconds=9))
    measured.close_finding(finding)
    resolved = measured.look()
    assert resolved.values["alerts_open", ("low",)] == before.values["alerts_open", ("low",)]
    assert resolved.values["alert_response_seconds", ("low",)] == 9 * METRICS["alert_response_seconds"].scale
    receiver.stop()
