"""Accounts from invitation to deletion, their roles, and how many there may be in a pilot (domain, Roles). Pure."""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.market import reasons
from watchkeeper.market.commands import (
    AccountAct,
    ActivateUser,
    ChangeRole,
    DeleteUser,
    EndSessions,
    InviteUser,
    IssueReset,
    OwnSessionsEnd,
    ResetSecondFactor,
    SetPhase,
    SuspendUser,
    UnsuspendUser,
)
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import State, User

INVITABLE = frozenset({"farmer", "trader", "buyer", "admin"})
PHASES = ("pilot", "production")
#: Active accounts of a role while the market is a pilot (domain, Roles).
PILOT_CAPS = {"farmer": 10, "trader": 5, "buyer": 10, "admin": 3}


def _check_cap(state: State, role: str, *, statuses: tuple[str, ...]) -> None:
    """Refuse one more active account of `role` while the pilot's cap is reached by those in `statuses`."""
    cap = PILOT_CAPS.get(role)
    if state.phase != "pilot" or cap is None:
        return
    if sum(state.census.get((role, status), 0) for status in statuses) >= cap:
        raise Refusal(
            "phase-cap-reached",
            f"The pilot takes {cap} accounts of this role. The operator can begin production.",
        )


def _somebody_else(command: AccountAct, state: State, context: Context) -> User:
    """The account that is meant: not the actor's own, and the operator's for nobody."""
    user = state.by_alias(command.account)
    if user.role == "system":
        raise Refusal("user-not-found", "There is no such account.")
    if user.id == context.actor.id:
        raise Refusal("not-authorized", "Nobody does this to their own account. Ask another admin.")
    if user.role == "operator":
        raise Refusal("not-authorized", "The operator's account is not an admin's to change.")
    return user


def _in_state(user: User, *wanted: str) -> None:
    if user.status not in wanted:
        raise Refusal("account-state", f"This account is {user.status}; it has to be {' or '.join(wanted)}.")


def _holds_nothing(held: list[str]) -> None:
    if held:
        raise Refusal("account-in-use", f"This account still has {', '.join(held)}. Settle that first.")


def _step(
    state: State, decision: Decision, context: Context, user: User, *, step: str, moved: User
) -> Decision:
    decision.add(state, "user_steps", user_id=user.id, step=step, reason=decision.reason, at=context.at)
    return _moved(state, decision, moved)


def _moved(state: State, decision: Decision, user: User) -> Decision:
    state.set_user(user)
    decision.answer = {"alias": user.alias, "role": user.role, "status": user.status}
    return decision


def _ended(user: User) -> User:
    """The account with every session of before over."""
    return replace(user, session_generation=user.session_generation + 1)


def invite(command: InviteUser, state: State, context: Context, *, alias: str) -> Decision:
    """A new account, invited. `alias` is free, drawn by the executor."""
    if command.role not in INVITABLE:
        raise Refusal("validation-failed", f"A role is one of {', '.join(sorted(INVITABLE))}.", field="role")
    reason = reasons.checked(command.reason)
    # Those who are invited already count: nobody is invited in vain.
    _check_cap(state, command.role, statuses=("active", "invited"))
    decision = Decision(utid=context.utid, subject=alias, reason=reason)
    user_id = decision.add(state, "users", alias=alias, role_at_creation=command.role, at=context.at)
    decision.add(state, "user_steps", user_id=user_id, step="invited", reason=reason, at=context.at)
    decision.add(
        state,
        "role_history",
        user_id=user_id,
        role_before=None,
        role_after=command.role,
        assigned_by=context.actor.id,
        reason=reason,
        at=context.at,
    )
    state.set_user(User(user_id, alias, command.role, "invited", 1))
    decision.answer = {"user_id": user_id, "alias": alias, "role": command.role}
    return decision


def activate(_: ActivateUser, state: State, context: Context) -> Decision:
    """The person behind an invitation has enrolled."""
    if context.actor.status != "invited":
        raise Refusal("already-active", "This account is enrolled already. Sign in instead.")
    _check_cap(state, context.actor.role, statuses=("active",))
    decision = Decision(utid=context.utid, subject=context.actor.alias)
    decision.add(state, "user_steps", user_id=context.actor.id, step="activated", reason=None, at=context.at)
    state.set_user(replace(context.actor, status="active"))
    decision.answer = {"alias": context.actor.alias, "role": context.actor.role}
    return decision


def change_role(command: ChangeRole, state: State, context: Context, *, held: list[str]) -> Decision:
    """Another role, by another admin. `held` names what the account still has; its sessions end."""
    if command.role not in INVITABLE:
        raise Refusal("validation-failed", f"A role is one of {', '.join(sorted(INVITABLE))}.", field="role")
    reason = reasons.checked(command.reason)
    user = _somebody_else(command, state, context)
    _in_state(user, "active")
    if user.role == command.role:
        raise Refusal("account-state", "This account has that role already.")
    _holds_nothing(held)
    _check_cap(state, command.role, statuses=("active", "invited"))
    decision = Decision(utid=context.utid, subject=user.alias, reason=reason)
    decision.add(
        state,
        "role_history",
        user_id=user.id,
        role_before=user.role,
        role_after=command.role,
        assigned_by=context.actor.id,
        reason=reason,
        at=context.at,
    )
    return _moved(state, decision, _ended(replace(user, role=command.role)))


def suspend(command: SuspendUser, state: State, context: Context) -> Decision:
    """An active account stands still; its sessions end."""
    reason = reasons.checked(command.reason)
    user = _somebody_else(command, state, context)
    _in_state(user, "active")
    decision = Decision(utid=context.utid, subject=user.alias, reason=reason)
    moved = _ended(replace(user, status="suspended"))
    return _step(state, decision, context, user, step="suspended", moved=moved)


def unsuspend(command: UnsuspendUser, state: State, context: Context) -> Decision:
    """A suspended account is active again, within the pilot's caps."""
    reason = reasons.checked(command.reason)
    user = _somebody_else(command, state, context)
    _in_state(user, "suspended")
    _check_cap(state, user.role, statuses=("active", "invited"))
    decision = Decision(utid=context.utid, subject=user.alias, reason=reason)
    return _step(state, decision, context, user, step="unsuspended", moved=replace(user, status="active"))


def delete(command: DeleteUser, state: State, context: Context, *, held: list[str]) -> Decision:
    """The account ends. An invitation that nobody took is taken back the same way, and frees its place."""
    reason = reasons.checked(command.reason)
    user = _somebody_else(command, state, context)
    _in_state(user, "active", "suspended", "invited")
    _holds_nothing(held)
    decision = Decision(utid=context.utid, subject=user.alias, reason=reason)
    moved = _ended(replace(user, status="deleted"))
    return _step(state, decision, context, user, step="deleted", moved=moved)


def end_sessions(command: EndSessions, state: State, context: Context) -> Decision:
    """Every session of the account is over; it may sign in again."""
    reason = reasons.checked(command.reason)
    user = _somebody_else(command, state, context)
    _in_state(user, "active", "suspended")
    return _moved(state, Decision(utid=context.utid, subject=user.alias, reason=reason), _ended(user))


def issue_reset(command: IssueReset, state: State, context: Context) -> Decision:
    """A one-time code is handed over, to who is only invited a new link; nothing of the account changes by that."""
    reason = reasons.checked(command.reason)
    user = _somebody_else(command, state, context)
    _in_state(user, "active", "invited")
    decision = Decision(utid=context.utid, subject=user.alias, reason=reason)
    decision.answer = {"alias": user.alias}
    return decision


def reset_second_factor(command: ResetSecondFactor, state: State, context: Context) -> Decision:
    """An admin who lost the second factor is to enrol another; until then nobody signs in to the account."""
    reason = reasons.checked(command.reason)
    user = _somebody_else(command, state, context)
    _in_state(user, "active")
    if user.role != "admin":
        raise Refusal("account-state", "Only an admin's account has a second factor to reset.")
    return _moved(state, Decision(utid=context.utid, subject=user.alias, reason=reason), _ended(user))


def own_sessions_end(_: OwnSessionsEnd, state: State, context: Context) -> Decision:
    """The password becomes another one: whoever was signed in with the old one is out."""
    decision = Decision(utid=context.utid, subject=context.actor.alias)
    moved = _ended(context.actor)
    state.set_user(moved)
    decision.answer = {"session_generation": moved.session_generation}
    return decision


def set_phase(command: SetPhase, state: State, context: Context) -> Decision:
    """Another phase. Back in the pilot nobody loses an account; nobody new comes in above a cap."""
    if command.phase not in PHASES:
        raise Refusal("validation-failed", f"A phase is one of {', '.join(PHASES)}.", field="phase")
    reason = reasons.checked(command.reason)
    if command.phase == state.phase:
        raise Refusal("account-state", f"The phase is {state.phase} already.")
    decision = Decision(utid=context.utid, subject=command.phase, reason=reason)
    decision.add(state, "phases", phase=command.phase, reason=reason, at=context.at)
    state.phase = command.phase
    decision.answer = {"phase": command.phase}
    return decision
