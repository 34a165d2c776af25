"""Roles without an admin, grants, haste, habits, late answers and wrong corrections: seen by making each of them happen."""

from __future__ import annotations

import json

import pytest

from tests.worlds.books import REASON
from tests.worlds.detecting import DAY, HOUR, MINUTE, Post
from watchkeeper.market.commands import (
    ChangeRole,
    DeleteUser,
    InviteUser,
    PayToLock,
    ReverseLock,
    SuspendUser,
)
from watchkeeper.operation import journal
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue import books
from watchkeeper.operation.catalogue.signs import roles
from watchkeeper.operation.catalogue.signs.habits import NETWORKS_MAX, Habits, Rules, judged, network
from watchkeeper.operation.detectors.people import known_habits

RULES = Rules(learning_days=7, hour_days=14, sign_ins=10, kept_days=90)
#: Nine in the morning in Kampala.
MORNING = (20_000 * DAY + 6 * HOUR) * 1_000_000


def inferred(post: Post, user: int, role: str, *, by: int, utid: str = "20261126-120000-adm-forged") -> None:
    """A role that nobody's command assigned, written by the database's owner."""
    post.owner(
        "INSERT INTO role_history (id, utid, user_id, role_before, role_after, assigned_by, reason, at) "
        f"SELECT max(id) + 1, '{utid}', {user}, 'trader', '{role}', {by}, 'forged by the test', {post.clock.now()} "
        "FROM role_history"
    )


def test_roles_that_admins_assign_are_assigned_and_set_up_is_the_exception(post: Post) -> None:
    second = post.market.person("admin")
    person = post.market.person("buyer")
    post.market.one(ChangeRole(account=post.alias(person), role="admin", reason=REASON), second)
    post.market.one(ChangeRole(account=post.alias(second), role="farmer", reason=REASON), person)
    assert post.look("assigned roles") == []
    assert post.stops() == {}
    assert post.seen("assigned roles").state == "QUIET"


@pytest.mark.parametrize("forged", ["no command", "by itself", "by a trader", "under another's command"])
def test_a_role_that_no_admin_assigned_stops_all_that_the_account_does_and_nobody_else(
    post: Post, forged: str
) -> None:
    tom, tina = post.market.tom, post.market.tina
    invited = post.market.one(InviteUser(role="farmer", reason=REASON), post.admin)
    by = {"by itself": tom, "by a trader": tina}.get(forged, post.admin)
    utid = "20261126-120000-adm-forged" if forged == "no command" else str(invited.utid)
    if forged == "under another's command":
        by = post.market.market.operator.id
    inferred(post, tom, "admin", by=by, utid=utid)
    (alert,) = post.look("assigned roles")
    scope = f"account:{post.alias(tom)}"
    assert (alert.condition, alert.scope, alert.severity) == ("T1.1", scope, "high")
    assert "What to do: 1. look at each change of role" in alert.detail
    assert post.stops() == {("T1.1", scope): frozenset(books.ACCOUNT | books.ADMIN)}
    units = post.market.units(2)
    assert post.market.code(PayToLock(unit_id=units[0]), tom) == "operation-restricted"
    assert post.market.code(PayToLock(unit_id=units[1]), tina) == "accepted"
    post.restart()
    assert post.look("assigned roles") == []
    assert [a[0] for a in post.alerts()] == ["T1.1"]


def test_an_account_without_any_assignment_has_an_inferred_role(post: Post) -> None:
    at = post.clock.now()
    post.owner(
        "INSERT INTO users (id, utid, alias, role_at_creation, at) SELECT max(id) + 1, '20261126-120000-adm-forged', "
        f"'adm_forged', 'admin', {at} FROM users"
    )
    (alert,) = post.look("assigned roles")
    assert alert.scope == "account:adm_forged"
    assert "by no assignment" in alert.detail


def test_a_role_is_no_threat_any_more_when_the_account_cannot_act_or_the_row_was_looked_at(
    post: Post,
) -> None:
    tom = post.market.tom
    inferred(post, tom, "admin", by=post.admin)
    reading = post.detecting.post.reading
    assert "no command wrote it" in roles.standing(reading, post.alias(tom))
    assert roles.standing(reading, post.alias(post.market.tina)) == ""
    post.market.one(SuspendUser(account=post.alias(tom), reason=REASON), post.admin)
    assert roles.standing(reading, post.alias(tom)) == ""
    assert roles.standing(reading, "nobody") == ""


def test_any_grant_of_admin_is_told_once_by_invitation_or_by_change(post: Post) -> None:
    post.turn()
    assert post.alerts() == []
    invited = post.market.person("admin")
    changed = post.market.person("buyer")
    post.market.one(ChangeRole(account=post.alias(changed), role="admin", reason=REASON), post.admin)
    found = post.look("admin grants")
    assert [(a.condition, a.scope, a.severity) for a in found] == [
        ("admin granted", f"account:{post.alias(invited)}", "high"),
        ("admin granted", f"account:{post.alias(changed)}", "high"),
    ]
    assert f"became one from buyer, by {post.alias(post.admin)}" in found[1].detail
    post.restart()
    assert post.look("admin grants") == []
    post.market.one(DeleteUser(account=post.alias(invited), reason=REASON), post.admin)
    post.turn()
    assert [a[0] for a in post.alerts()] == ["admin granted", "admin granted"]


def test_a_reversal_soon_after_the_lock_or_its_mark_is_in_haste_and_a_later_one_is_not(post: Post) -> None:
    def reverses(*, after_lock: float, after_mark: float) -> int:
        lock = post.lock()
        post.passes(seconds=after_lock)
        post.mark(lock, "cancelled")
        post.passes(seconds=after_mark)
        post.market.keep_lease()
        post.market.one(ReverseLock(lock_utid=lock, reason=REASON), post.admin)
        return len(post.look("reversals in haste"))

    assert reverses(after_lock=2 * HOUR, after_mark=5 * MINUTE) == 0
    assert post.alerts() == []
    assert reverses(after_lock=2 * HOUR, after_mark=30) == 1
    assert reverses(after_lock=10 * MINUTE, after_mark=10 * MINUTE) == 1
    (found,) = alerts.listed(post.database)
    assert (found.condition, found.scope, found.times_raised) == (
        "reversal in haste",
        f"account:{post.alias(post.admin)}",
        2,
    )
    assert found.detail.startswith("reversed 20 min after it was paid for")
    post.restart()
    assert post.look("reversals in haste") == []
    post.set("reversal_after_lock_seconds = 0\nreversal_after_mark_seconds = 0")
    post.turn()
    assert reverses(after_lock=0, after_mark=0) == 0


def sign_ins(post: Post, user: int, *, address: str, hour: int, days: int) -> None:
    """Accepted once a day at an hour in Kampala; the clock stands at that hour afterwards."""
    for _ in range(days):
        now = post.clock.now() // 1_000_000
        post.passes(seconds=(hour * HOUR - 3 * HOUR - now) % DAY or DAY)
        post.market.executor.notes.attempt(
            account=post.alias(user), address=address, kind="sign_in", outcome="accepted"
        )
        post.market.executor.flush_notes()


def test_a_sign_in_from_where_an_admin_never_was_is_told_once_after_the_days_of_learning(post: Post) -> None:
    sign_ins(post, post.admin, address="10.1.2.3", hour=9, days=3)
    sign_ins(post, post.admin, address="10.9.9.9", hour=9, days=6)
    assert post.look("habits") == []
    # Another address of the same network is nothing new.
    sign_ins(post, post.admin, address="10.1.2.99", hour=9, days=1)
    assert post.look("habits") == []
    post.restart()
    sign_ins(post, post.admin, address="41.75.1.2", hour=9, days=1)
    (alert,) = post.look("habits")
    assert (alert.condition, alert.scope, alert.severity) == (
        "unusual address",
        f"account:{post.alias(post.admin)}",
        "high",
    )
    assert "41.75.1.0/24" in alert.detail
    post.restart()
    sign_ins(post, post.admin, address="41.75.1.9", hour=9, days=1)
    assert post.look("habits") == []


def test_an_odd_hour_is_told_when_the_account_is_known_well_enough(post: Post) -> None:
    sign_ins(post, post.admin, address="10.1.2.3", hour=9, days=8)
    sign_ins(post, post.admin, address="10.1.2.3", hour=23, days=1)
    assert post.look("habits") == []
    sign_ins(post, post.admin, address="10.1.2.3", hour=10, days=8)
    assert post.look("habits") == []
    sign_ins(post, post.admin, address="10.1.2.3", hour=3, days=1)
    (alert,) = post.look("habits")
    assert (alert.condition, alert.severity) == ("odd hour", "high")
    assert "at 3 o'clock in Kampala" in alert.detail


def test_nobody_learns_the_habits_of_those_who_may_do_little(post: Post) -> None:
    sign_ins(post, post.market.tina, address="10.1.2.3", hour=9, days=20)
    sign_ins(post, post.market.tina, address="41.75.1.2", hour=3, days=1)
    assert post.look("habits") == []
    assert known_habits(post.database) == {}


def test_habits_are_bounded_and_forget_what_was_long_ago() -> None:
    habits = Habits()
    for number in range(3 * NETWORKS_MAX):
        judged(
            "adm_x", habits, address=f"10.{number}.1.1", at=MORNING + number * MINUTE * 1_000_000, rules=RULES
        )
    assert len([1 for kind, _ in habits.known if kind == "network"]) == NETWORKS_MAX
    again = MORNING + 100 * DAY * 1_000_000
    found = judged("adm_x", habits, address=f"10.{3 * NETWORKS_MAX - 1}.1.1", at=again, rules=RULES)
    assert {sign.condition for sign in found} == {"unusual address", "odd hour"}


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("41.75.3.9", "41.75.3.0/24"),
        ("2001:db8:1:2::9", "2001:db8:1::/48"),
        ("::ffff:41.75.3.9", "41.75.3.0/24"),
        ("host", "host"),
        ("x" * 500, "x" * 100),
    ],
)
def test_a_network_is_what_an_address_stands_for(address: str, found: str) -> None:
    assert network(address) == found


def raised(post: Post, condition: str, severity: str) -> alerts.Alert:
    with post.database.transaction("write"):
        return alerts.raise_alert(
            post.database,
            condition=condition,
            scope="everything",
            severity=severity,
            title=f"the test's {condition}",
            detail="",
            playbook="",
            finding_ids=(),
            by="t",
            at=post.clock.now(),
        )


def late(post: Post) -> list[tuple[str, str, int]]:
    return [(a[2], a[3], a[4]) for a in post.alerts() if a[0] == "operator late"]


def test_an_alert_that_nobody_answers_in_time_is_an_alert_as_grave_as_it_is(post: Post) -> None:
    first = raised(post, "x", "medium")
    post.turn()
    assert late(post) == []
    post.passes(seconds=7201)
    (alert,) = post.look("unanswered alerts")
    assert (alert.severity, alert.scope) == ("medium", "everything")
    assert "the gravest: the test's x" in alert.detail
    # The alert about it waits as well, and is not one more; a graver one that waits makes it graver.
    post.passes(hours=100)
    post.restart()
    assert post.look("unanswered alerts") == []
    second = raised(post, "y", "critical")
    assert post.look("unanswered alerts") == []
    post.passes(seconds=301)
    assert [a.severity for a in post.look("unanswered alerts")] == ["critical"]
    with post.database.transaction("write"):
        alerts.acknowledge(post.database, first.id, by="opr", next_step="look at it", at=post.clock.now())
    post.look("unanswered alerts")
    assert late(post) == [("critical", "open", 2)]
    with post.database.transaction("write"):
        alerts.mark_response(post.database, second.id, by="opr", at=post.clock.now())
    post.look("unanswered alerts")
    assert late(post) == [("critical", "resolved", 2)]


def predicted(post: Post, amount_ugx: int) -> None:
    """What the desk writes down before it asks for a correction."""
    with post.database.transaction("write"):
        journal.record(
            post.database,
            actor="opr",
            action="correct",
            subject="1.1",
            reason=REASON,
            detail={
                "account": post.alias(post.market.tom),
                "bucket": "capital",
                "amount_ugx": -500,
                "predicted": amount_ugx,
            },
            at=post.clock.now(),
        )


def corrected(post: Post) -> int:
    """A correction of minus five hundred shillings stands in the books; what stands after it."""
    at = post.clock.now()
    tom = post.market.tom
    post.owner(
        "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, "
        "profit_after, incident, at) SELECT (SELECT max(id) + 1 FROM wallet_ledger), '20261126-120000-opr-forged', "
        f"trader_id, number + 1, 'capital_correction', -500, capital_after - 500, locked_after, profit_after, 'INC', {at} "
        f"FROM wallet_ledger WHERE id = (SELECT max(id) FROM wallet_ledger WHERE trader_id = {tom})"
    )
    row = post.market.books.database.one(
        "SELECT capital_after FROM wallet_ledger WHERE id = (SELECT max(id) FROM wallet_ledger)"
    )
    assert row is not None
    return int(str(row[0]))


def test_a_correction_that_is_off_by_one_shilling_stops_that_wallet_and_one_as_predicted_nothing(
    post: Post,
) -> None:
    row = post.market.books.database.one(
        "SELECT capital_after FROM wallet_ledger WHERE id = (SELECT max(id) FROM wallet_ledger WHERE trader_id = ?)",
        (post.market.tom,),
    )
    assert row is not None
    before = int(str(row[0]))
    predicted(post, before - 500)
    assert corrected(post) == before - 500
    assert post.look("corrections") == []
    assert post.stops() == {}
    predicted(post, before - 1001)
    corrected(post)
    (alert,) = post.look("corrections")
    scope = f"account:{post.alias(post.market.tom)}"
    assert (alert.condition, alert.scope, alert.severity) == ("wrong correction", scope, "critical")
    assert post.stops() == {("wrong correction", scope): frozenset(books.WALLET)}
    post.restart()
    assert post.look("corrections") == []
    detail = post.database.one("SELECT detail FROM operator_actions ORDER BY id DESC LIMIT 1")
    assert detail is not None
    assert json.loads(str(detail[0]))["predicted"] == before - 1001
