"""Inviting and activating accounts (domain, Roles). Pure."""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.market import reasons
from watchkeeper.market.commands import ActivateUser, InviteUser
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import State, User

INVITABLE = frozenset({"farmer", "trader", "buyer", "admin"})


def invite(command: InviteUser, state: State, context: Context, *, alias: str) -> Decision:
    """A new account, invited. `alias` is free, drawn by the executor."""
    if command.role not in INVITABLE:
        raise Refusal("validation-failed", f"A role is one of {', '.join(sorted(INVITABLE))}.", field="role")
    reason = reasons.checked(command.reason)
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
    decision = Decision(utid=context.utid, subject=context.actor.alias)
    decision.add(state, "user_steps", user_id=context.actor.id, step="activated", reason=None, at=context.at)
    state.set_user(replace(context.actor, status="active"))
    decision.answer = {"alias": context.actor.alias, "role": context.actor.role}
    return decision
