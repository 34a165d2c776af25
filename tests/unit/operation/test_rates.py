"""What comes too often within an hour or a day is told once, whenever it is read; what is ordinary never is."""

from __future__ import annotations

import pytest

from tests.worlds.books import REASON
from tests.worlds.detecting import DAY, HOUR, MINUTE, Post
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import (
    ChangeRole,
    CreateListing,
    EndSessions,
    InviteUser,
    PayToLock,
    ReverseLock,
)
from watchkeeper.market.signin.sign_in import limits_of
from watchkeeper.operation.catalogue.signs import model
from watchkeeper.operation.catalogue.signs.rates import EVENTS_KEPT_MAX, Window


def act(post: Post, number: int, *, apart: float = 0) -> None:
    """That many admin actions."""
    for _ in range(number):
        post.market.one(EndSessions(account=post.alias(post.market.tom), reason=REASON), post.admin)
        post.passes(seconds=apart)


def logged(post: Post, number: int, *, action: str) -> None:
    """That many rows of the admins' log, by the database's owner."""
    at = post.clock.now()
    post.owner(
        *(
            "INSERT INTO admin_actions (id, utid, actor_id, action, subject, reason, at) SELECT max(id) + 1, "
            f"'20261126-120000-adm-for{n:03}', {post.admin}, '{action}', 'forged', 'forged by the test', {at} "
            "FROM admin_actions"
            for n in range(number)
        )
    )


def told(post: Post, condition: str) -> list[tuple[str, str, str, str, int]]:
    return [alert for alert in post.alerts() if alert[0] == condition]


def test_ten_admin_actions_within_an_hour_are_ordinary_and_the_eleventh_is_told(post: Post) -> None:
    act(post, 10, apart=MINUTE)
    post.turn()
    assert post.alerts() == []
    assert (post.seen("admin actions").value, post.seen("admin actions").value_max) == (10, 10)
    act(post, 1)
    (alert,) = post.look("admin actions")
    assert (alert.condition, alert.severity, alert.playbook) == ("admin action spike", "high", "")
    assert alert.detail.startswith(
        "11 admin actions within an hour; more than 10 are told. What to do: 1. look"
    )
    assert post.seen("admin actions").state == "SEEN"


def test_the_same_rate_over_a_longer_time_is_not_told(post: Post) -> None:
    act(post, 25, apart=6 * MINUTE + 1)
    post.turn()
    assert post.alerts() == []
    post.passes(hours=1)
    post.turn()
    assert (post.seen("admin actions").state, post.seen("admin actions").value) == ("QUIET", 0)


def test_a_burst_is_seen_however_late_it_is_read(post: Post) -> None:
    act(post, 11)
    post.passes(hours=72)
    assert len(post.look("admin actions")) == 1
    assert post.seen("admin actions").value == 0


def test_a_restart_forgets_no_window_and_tells_nothing_twice(post: Post) -> None:
    act(post, 6)
    assert post.look("admin actions") == []
    post.restart()
    act(post, 5)
    assert len(post.look("admin actions")) == 1
    for _ in range(2):
        post.restart()
        post.turn()
    assert told(post, "admin action spike") == [("admin action spike", "everything", "high", "open", 1)]
    # What was told is used up: only as many again beyond the limit are worth another word.
    act(post, 10)
    post.restart()
    assert post.look("admin actions") == []
    act(post, 1)
    post.look("admin actions")
    assert told(post, "admin action spike") == [("admin action spike", "everything", "high", "open", 2)]
    post.resolve("admin action spike")
    act(post, 11)
    post.look("admin actions")
    assert [alert[3:] for alert in told(post, "admin action spike")] == [("resolved", 2), ("open", 1)]


def test_rows_that_went_past_the_entrance_count_as_well(post: Post) -> None:
    logged(post, 11, action="end_sessions")
    assert len(post.look("admin actions")) == 1


def test_what_a_playbook_cures_is_nobodys_spree(post: Post) -> None:
    logged(post, 30, action="repair")
    act(post, 10)
    post.turn()
    assert post.alerts() == []
    assert post.seen("admin actions").value == 10


def test_a_clock_that_jumped_ahead_does_not_blind_the_window(post: Post) -> None:
    post.clock.instant_offset += 365 * DAY * 1_000_000
    act(post, 1)
    post.clock.instant_offset -= 365 * DAY * 1_000_000
    act(post, 10)
    assert post.look("admin actions") == []
    act(post, 1)
    assert len(post.look("admin actions")) == 1


def test_one_look_reads_a_bounded_portion_and_the_next_goes_on(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.look("admin actions")
    act(post, 11)
    monkeypatch.setattr(model, "KEYS_AT_ONCE", 4)
    assert [len(post.look("admin actions")) for _ in range(4)] == [0, 0, 1, 0]


def test_a_window_keeps_a_bounded_number_of_events() -> None:
    window = Window(HOUR)
    for key in range(3 * EVENTS_KEPT_MAX):
        window.add(key, key, 1)
    assert window.total() == EVENTS_KEPT_MAX
    assert window.total(after=3 * EVENTS_KEPT_MAX - 11) == 10


def test_an_older_copy_of_the_books_tells_nothing_of_what_was_told(post: Post) -> None:
    act(post, 11)
    assert len(post.look("admin actions")) == 1
    with post.database.transaction("write"):
        post.database.execute(
            "UPDATE detector_marks SET value = value + 100 WHERE detector = 'admin actions'"
        )
    post.restart()
    assert post.look("admin actions") == []
    act(post, 11)
    assert len(post.look("admin actions")) == 1


def test_what_was_written_long_before_the_first_look_of_all_is_no_news(post: Post) -> None:
    act(post, 30)
    post.market.person("admin")
    post.passes(hours=25)
    with post.database.transaction("write"):
        post.database.execute("DELETE FROM detector_marks")
    post.restart()
    post.turn()
    post.turn()
    assert post.alerts() == []
    act(post, 11)
    assert len(post.look("admin actions")) == 1
    post.market.person("admin")
    assert len(post.look("admin grants")) == 1


def test_more_than_fifty_hits_within_an_hour_are_told_and_a_summary_counts_as_many_as_it_stands_for(
    post: Post,
) -> None:
    units = post.market.units(30)
    codes = []
    for unit in units[:20]:
        codes.append(post.market.code(PayToLock(unit_id=unit), post.market.tina))
    assert set(codes) == {"accepted"}
    for _ in range(50):
        assert post.market.code(PayToLock(unit_id=units[-1]), post.market.tina) == "rate-limit-exceeded"
    assert post.look("rate-limit hits") == []
    # Ten rows of the minute and a summary of the other forty: fifty, and one more.
    post.passes(seconds=61)
    assert post.look("rate-limit hits") == []
    assert post.seen("rate-limit hits").value == 50
    assert post.market.code(PayToLock(unit_id=units[-1]), post.market.tina) == "rate-limit-exceeded"
    (alert,) = post.look("rate-limit hits")
    assert (alert.condition, alert.severity) == ("rate-limit spike", "medium")


def test_throttled_sign_ins_are_told_once_until_quiet_and_drown_no_other_hits(post: Post) -> None:
    notes = post.market.executor.notes
    door = limits_of("sign_in", account="tra_aaaaaa", address="10.0.0.9")

    def knocks(minutes: int) -> list[str]:
        told: list[str] = []
        for _ in range(minutes):
            for _ in range(60):
                notes.hit(actor="tra_aaaaaa", limit=door[len(told) % 2][3])
            post.passes(seconds=61)
            post.market.executor.flush_notes()
            told += [alert.condition for alert in post.look("hits at the doors")]
            told += [alert.condition for alert in post.look("rate-limit hits")]
        return told

    assert knocks(10) == ["guessing at the doors"]
    assert post.alerts() == [("guessing at the doors", "everything", "medium", "open", 1)]
    assert post.seen("rate-limit hits").value == 0
    # Quiet for an hour it is over, and the next is told anew.
    post.passes(hours=2)
    post.look("hits at the doors")
    assert [alert[3] for alert in post.alerts()] == ["resolved"]
    assert knocks(3) == ["guessing at the doors"]


def test_a_sixth_change_of_role_within_an_hour_is_told_and_invitations_are_none(post: Post) -> None:
    person = post.market.person("buyer")
    for _ in range(8):
        post.market.one(InviteUser(role="farmer", reason=REASON), post.admin)
    for number in range(5):
        role = ("farmer", "buyer")[number % 2]
        post.market.one(ChangeRole(account=post.alias(person), role=role, reason=REASON), post.admin)
    assert post.look("role changes") == []
    post.market.one(ChangeRole(account=post.alias(person), role="buyer", reason=REASON), post.admin)
    (alert,) = post.look("role changes")
    assert (alert.condition, alert.severity) == ("role change spike", "high")


def test_reversals_of_a_day_are_counted(post: Post) -> None:
    post.set("reversals_per_day = 2\nreversal_after_lock_seconds = 0\nreversal_after_mark_seconds = 0")
    post.turn()
    for number in range(3):
        lock = post.lock()
        post.mark(lock, "late")
        post.market.one(ReverseLock(lock_utid=lock, reason=REASON), post.admin)
        assert len(post.look("reversals")) == (number == 2)
        post.passes(hours=7)
    assert [alert[0] for alert in post.alerts()] == ["reversal spike"]


def test_flips_of_a_day_are_counted_and_those_of_set_up_are_none(post: Post) -> None:
    for _ in range(5):
        post.flip(Switch.PURCHASE_WINDOW, "release")
        post.flip(Switch.PURCHASE_WINDOW, "engage")
    post.turn()
    assert post.alerts() == []
    assert post.seen("switch flips").value == 10
    post.restart()
    post.flip(Switch.PURCHASE_WINDOW, "release")
    (alert,) = post.look("switch flips")
    assert (alert.condition, alert.severity) == ("switch flip spike", "medium")
    post.restart()
    assert post.look("switch flips") == []


def test_an_admin_who_stops_business_without_an_alert_is_told_and_with_one_is_not(post: Post) -> None:
    post.flip(Switch.PILOT_MODE, "engage", by_operator=True)
    post.turn()
    assert post.alerts() == []
    post.flip(Switch.PILOT_MODE, "engage")
    (alert,) = post.look("switches without an alert")
    assert (alert.condition, alert.severity) == ("switch without an alert", "medium")
    assert post.alias(post.admin) in alert.detail
    # An alert of something else calls for it, also when it is looked at later.
    act(post, 11)
    post.look("admin actions")
    post.flip(Switch.PILOT_MODE, "release")
    post.flip(Switch.PILOT_MODE, "engage")
    post.resolve("admin action spike")
    post.resolve("switch without an alert")
    post.restart()
    assert post.look("switches without an alert") == []
    post.flip(Switch.PILOT_MODE, "engage")
    assert len(post.look("switches without an alert")) == 1


def test_an_account_that_tries_what_it_may_not_is_told_by_its_name(post: Post) -> None:
    def tries(number: int) -> None:
        for _ in range(number):
            assert post.market.code(InviteUser(role="admin", reason=REASON), post.market.tom) == "not-admin"

    for _ in range(40):
        # What the market refuses for another reason is business.
        post.market.code(CreateListing(produce="x", grams=7, price_ugx_per_kg=1), post.market.farmer)
    tries(30)
    post.turn()
    assert post.alerts() == []
    tries(1)
    (alert,) = post.look("refused authorizations")
    assert (alert.condition, alert.scope) == (
        "refused authorizations",
        f"account:{post.alias(post.market.tom)}",
    )
    post.restart()
    assert post.look("refused authorizations") == []
    # A burst that nobody looked at for two hours is one all the same.
    post.passes(hours=3)
    tries(31)
    post.passes(hours=2)
    assert len(post.look("refused authorizations")) == 1


def test_wrong_second_factors_of_an_admin_are_told_and_those_of_a_trader_are_throttled_only(
    post: Post,
) -> None:
    def fails(user: int, number: int, *, kind: str = "second_factor") -> None:
        for _ in range(number):
            post.market.executor.notes.attempt(
                account=post.alias(user), address="10.0.0.1", kind=kind, outcome="refused"
            )

    fails(post.market.tom, 50)
    fails(post.admin, 5)
    post.turn()
    assert post.alerts() == []
    post.restart()
    fails(post.admin, 1)
    (alert,) = post.look("failed second factors")
    assert (alert.condition, alert.severity) == ("failed second factors", "high")
    assert alert.scope == f"account:{post.alias(post.admin)}"
    post.restart()
    assert post.look("failed second factors") == []
    fails(post.market.market.operator.id, 21, kind="sign_in")
    assert [a.scope for a in post.look("failed second factors")] == [
        f"account:{post.alias(post.market.market.operator.id)}"
    ]


def test_books_that_cannot_be_read_are_unknown_and_resolve_nothing(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    act(post, 11)
    post.look("admin actions")
    with monkeypatch.context() as broken:
        broken.setattr(post.detecting.post.reading.views, "_system_id", "another")
        post.detecting.post.reading.close()
        post.turn()
    assert post.seen("admin actions").state == "UNKNOWN"
    assert told(post, "admin action spike") == [("admin action spike", "everything", "high", "open", 1)]
    post.turn()
    assert post.seen("admin actions").state == "SEEN"
    assert told(post, "admin action spike") == [("admin action spike", "everything", "high", "open", 1)]
