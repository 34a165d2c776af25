"""Accounts by their rules: roles, suspension, deletion, the pilot's caps; every refusal leaves the books as they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.worlds.books import REASON, Market
from watchkeeper.market.commands import (
    ActivateUser,
    ChangePassword,
    ChangeRole,
    Command,
    CreateListing,
    DeleteUser,
    EndSessions,
    InviteUser,
    IssueReset,
    PayToLock,
    ResetSecondFactor,
    RestoreState,
    SetPhase,
    SuspendUser,
    UnsuspendUser,
    VerifyDelivery,
    WriteOff,
)
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import User


class Town(Market):
    """A market with an operator, one admin, a second one, and somebody who owns nothing."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.operator_id = self.market.operator.id
        self.other_admin = self.person("admin")
        self.newcomer = self.person("trader")

    def user(self, user_id: int) -> User:
        found = self.books.user(user_id)
        assert found is not None
        return found

    def alias(self, user_id: int) -> str:
        return self.user(user_id).alias

    def refused(self, command: Command, actor_id: int) -> str:
        """The refusal's code."""
        outcome = self.tried(command, actor_id)
        assert isinstance(outcome, Refusal)
        return outcome.code


@pytest.fixture
def town(data: Path) -> Iterator[Town]:
    found = Town(data)
    yield found
    found.close()


@pytest.mark.rule("role.one-at-a-time", "session.ends")
def test_another_admin_changes_a_role_and_the_sessions_end(town: Town) -> None:
    before = town.user(town.newcomer)
    town.one(ChangeRole(account=before.alias, role="buyer", reason=REASON), town.admin_id)
    after = town.user(town.newcomer)
    assert (after.role, after.status) == ("buyer", "active")
    assert after.session_generation > before.session_generation
    rows = town.books.database.query(
        "SELECT role_before, role_after, assigned_by, reason FROM role_history WHERE user_id = ? ORDER BY id",
        (town.newcomer,),
    )
    assert rows[-1] == ("trader", "buyer", town.admin_id, REASON)


@pytest.mark.rule("role.one-at-a-time", "role.operator-by-enrolment")
def test_nobody_changes_their_own_role_and_none_leads_to_or_from_operator(town: Town) -> None:
    own = ChangeRole(account=town.alias(town.admin_id), role="buyer", reason=REASON)
    assert town.refused(own, town.admin_id) == "not-authorized"
    operator = ChangeRole(account=town.alias(town.operator_id), role="admin", reason=REASON)
    assert town.refused(operator, town.admin_id) == "not-authorized"
    raised = ChangeRole(account=town.alias(town.newcomer), role="operator", reason=REASON)
    assert town.refused(raised, town.admin_id) == "validation-failed"
    by_operator = ChangeRole(account=town.alias(town.newcomer), role="buyer", reason=REASON)
    assert town.refused(by_operator, town.operator_id) == "not-admin"
    same = ChangeRole(account=town.alias(town.newcomer), role="trader", reason=REASON)
    assert town.refused(same, town.admin_id) == "account-state"


@pytest.mark.rule("role.admin-limits")
@pytest.mark.parametrize("command", [SuspendUser, DeleteUser, EndSessions, IssueReset])
def test_an_admin_does_nothing_to_the_operator_to_themselves_or_to_the_system(
    town: Town, command: type[SuspendUser]
) -> None:
    for user_id in (town.operator_id, town.admin_id):
        act = command(account=town.alias(user_id), reason=REASON)
        assert town.refused(act, town.admin_id) == "not-authorized"
    assert town.refused(command(account="system", reason=REASON), town.admin_id) == "user-not-found"
    assert town.refused(command(account="tra_nobody", reason=REASON), town.admin_id) == "user-not-found"


@pytest.mark.rule("role.own-acts")
@pytest.mark.parametrize("command", [SuspendUser, UnsuspendUser, DeleteUser, EndSessions, IssueReset])
def test_whoever_is_neither_admin_nor_operator_does_nothing_to_accounts(
    town: Town, command: type[SuspendUser]
) -> None:
    act = command(account=town.alias(town.newcomer), reason=REASON)
    assert town.refused(act, town.tina) in ("not-admin", "invalid-role")


@pytest.mark.rule("role.admin-limits", "reason.says-something")
@pytest.mark.parametrize("reason", ["short", "          ", "test test test"])
def test_what_is_done_to_an_account_has_a_reason(town: Town, reason: str) -> None:
    act = SuspendUser(account=town.alias(town.newcomer), reason=reason)
    assert town.refused(act, town.admin_id) == "validation-failed"


@pytest.mark.rule("account.life")
def test_a_suspended_account_can_do_nothing_until_it_is_let_in_again(town: Town) -> None:
    alias = town.alias(town.farmer)
    listing = CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=1)
    before = town.user(town.farmer).session_generation
    town.one(SuspendUser(account=alias, reason=REASON), town.operator_id)
    assert town.user(town.farmer).session_generation > before
    assert town.refused(listing, town.farmer) == "account-not-active"
    assert town.refused(SuspendUser(account=alias, reason=REASON), town.admin_id) == "account-state"
    town.one(UnsuspendUser(account=alias, reason=REASON), town.admin_id)
    assert town.code(listing, town.farmer) == "accepted"
    assert town.refused(UnsuspendUser(account=alias, reason=REASON), town.admin_id) == "account-state"


@pytest.mark.rule("account.deleted-empty")
def test_who_has_something_is_neither_deleted_nor_given_another_role(town: Town) -> None:
    def both(user_id: int) -> set[str]:
        alias = town.alias(user_id)
        return {
            town.refused(DeleteUser(account=alias, reason=REASON), town.admin_id),
            town.refused(ChangeRole(account=alias, role="buyer", reason=REASON), town.admin_id),
        }

    assert both(town.tina) == {"account-in-use"}
    listed = town.one(CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=100), town.farmer)
    assert both(town.farmer) == {"account-in-use"}
    units = listed.body["unit_ids"]
    assert isinstance(units, list)
    poor = town.trader(capital_ugx=1000)
    lock = town.one(PayToLock(unit_id=units[0]), poor)
    assert both(poor) == {"account-in-use"}
    assert both(town.farmer) == {"account-in-use"}
    town.one(VerifyDelivery(lock_utid=lock.utid, outcome="delivered", reason=REASON), town.admin_id)
    assert both(poor) == {"account-in-use"}
    assert both(town.farmer) == {"account-in-use"}
    (lot,) = town.books.lots(poor)
    town.one(WriteOff(lot_id=int(str(lot["id"])), reason=REASON), town.admin_id)
    town.one(DeleteUser(account=town.alias(poor), reason=REASON), town.admin_id)
    assert town.user(poor).status == "deleted"


@pytest.mark.rule("account.life")
def test_deleted_is_for_good_and_an_invitation_can_be_taken_back(town: Town) -> None:
    alias = town.alias(town.newcomer)
    town.one(DeleteUser(account=alias, reason=REASON), town.admin_id)
    for command in (UnsuspendUser, SuspendUser, DeleteUser, EndSessions, IssueReset):
        assert town.refused(command(account=alias, reason=REASON), town.admin_id) == "account-state"
    invited = town.one(InviteUser(role="buyer", reason=REASON), town.admin_id).body
    town.one(DeleteUser(account=str(invited["alias"]), reason=REASON), town.admin_id)
    assert town.refused(ActivateUser(), int(str(invited["user_id"]))) == "account-not-active"


@pytest.mark.rule("session.ends")
def test_a_session_of_before_is_over_in_the_transaction_that_writes(town: Town) -> None:
    generation = town.user(town.farmer).session_generation
    listing = CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=1)
    assert town.code(listing, town.farmer, session_generation=generation) == "accepted"
    town.one(EndSessions(account=town.alias(town.farmer), reason=REASON), town.admin_id)
    assert town.code(listing, town.farmer, session_generation=generation) == "session-expired"
    # In one batch too: the second sees what the first did.
    now = town.user(town.farmer).session_generation
    first, second = town.act(ChangePassword(), town.farmer), town.act(ChangePassword(), town.farmer)
    for act in (first, second):
        object.__setattr__(act, "session_generation", now)
    outcomes = town.executor.run([first, second])
    assert [getattr(outcome, "code", "accepted") for outcome in outcomes] == ["accepted", "session-expired"]


@pytest.mark.rule("journal.projections")
def test_the_state_of_an_account_is_what_its_rows_say(town: Town) -> None:
    alias = town.alias(town.newcomer)
    town.one(ChangeRole(account=alias, role="buyer", reason=REASON), town.admin_id)
    town.one(SuspendUser(account=alias, reason=REASON), town.admin_id)
    town.one(UnsuspendUser(account=alias, reason=REASON), town.admin_id)
    town.one(SuspendUser(account=alias, reason=REASON), town.admin_id)
    before = town.user(town.newcomer)
    restore = RestoreState(
        table_name="user_state", row_key=str(town.newcomer), finding="f", incident="INC-1", reason=REASON
    )
    town.one(restore, town.operator_id)
    # Whoever came in on the strength of an overwritten row is out.
    assert town.user(town.newcomer) == replace(before, session_generation=before.session_generation + 1)


@pytest.mark.rule("factor.lost")
def test_the_operator_alone_resets_an_admins_second_factor_and_the_sessions_end(town: Town) -> None:
    act = ResetSecondFactor(account=town.alias(town.other_admin), reason=REASON)
    assert town.refused(act, town.admin_id) == "invalid-role"
    trader = ResetSecondFactor(account=town.alias(town.newcomer), reason=REASON)
    assert town.refused(trader, town.operator_id) == "account-state"
    own = ResetSecondFactor(account=town.alias(town.operator_id), reason=REASON)
    assert town.refused(own, town.operator_id) == "not-authorized"
    before = town.user(town.other_admin)
    town.one(act, town.operator_id)
    after = replace(before, session_generation=before.session_generation + 1)
    assert town.user(town.other_admin) == after
    # The state is worked out again from the journal, which knows that this ends sessions.
    restore = RestoreState(
        table_name="user_state", row_key=str(town.other_admin), finding="f", incident="INC-1", reason=REASON
    )
    town.one(restore, town.operator_id)
    assert town.user(town.other_admin) == replace(after, session_generation=after.session_generation + 1)
    town.one(SuspendUser(account=before.alias, reason=REASON), town.admin_id)
    assert town.refused(act, town.operator_id) == "account-state"


def test_who_was_invited_is_handed_over_something_new_and_stays_invited(town: Town) -> None:
    invited = town.one(InviteUser(role="buyer", reason=REASON), town.admin_id).body
    town.one(IssueReset(account=str(invited["alias"]), reason=REASON), town.admin_id)
    assert town.user(int(str(invited["user_id"]))).status == "invited"


def in_pilot(town: Town) -> None:
    town.one(SetPhase(phase="pilot", reason=REASON), town.operator_id)


@pytest.mark.rule("account.phase-operators")
def test_the_phase_is_the_operators(town: Town) -> None:
    assert town.refused(SetPhase(phase="pilot", reason=REASON), town.admin_id) == "invalid-role"
    assert town.refused(SetPhase(phase="production", reason=REASON), town.operator_id) == "account-state"
    assert town.refused(SetPhase(phase="beta", reason=REASON), town.operator_id) == "validation-failed"
    in_pilot(town)
    assert town.books.phase() == "pilot"


@pytest.mark.rule("account.pilot-caps")
@pytest.mark.parametrize(("role", "cap"), [("farmer", 10), ("trader", 5), ("buyer", 10), ("admin", 3)])
def test_a_pilot_invites_up_to_the_cap_of_a_role(town: Town, role: str, cap: int) -> None:
    in_pilot(town)
    there = town.books.active().get(role, 0)
    invite = InviteUser(role=role, reason=REASON)
    last = [town.one(invite, town.admin_id).body for _ in range(cap - there)][-1]
    assert town.refused(invite, town.admin_id) == "phase-cap-reached"
    town.one(ActivateUser(), int(str(last["user_id"])))
    town.one(SetPhase(phase="production", reason=REASON), town.operator_id)
    assert town.code(invite, town.admin_id) == "accepted"


@pytest.mark.rule("account.pilot-caps")
def test_a_cap_holds_for_who_is_let_in_again_changes_role_or_enrols(town: Town) -> None:
    suspended = town.person("trader")
    buyer = town.person("buyer")
    town.one(SuspendUser(account=town.alias(suspended), reason=REASON), town.admin_id)
    invited = int(str(town.one(InviteUser(role="trader", reason=REASON), town.admin_id).body["user_id"]))
    while town.books.active()["trader"] < 5:
        town.person("trader")
    in_pilot(town)
    again = UnsuspendUser(account=town.alias(suspended), reason=REASON)
    assert town.refused(again, town.admin_id) == "phase-cap-reached"
    changed = ChangeRole(account=town.alias(buyer), role="trader", reason=REASON)
    assert town.refused(changed, town.admin_id) == "phase-cap-reached"
    assert town.refused(ActivateUser(), invited) == "phase-cap-reached"
    town.one(DeleteUser(account=town.alias(town.newcomer), reason=REASON), town.admin_id)
    town.one(ActivateUser(), invited)
    assert town.refused(again, town.admin_id) == "phase-cap-reached"
