"""Accounts: who may act, in which role, and with which sessions."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.boundary.gate import OperationClass as Class
from watchkeeper.market.commands.base import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteUser(Command):
    """Make an account with a role and an alias; the person enrols by a link that is handed over."""

    name = "invite_user"
    roles = frozenset({"admin"})
    is_admin_action = True
    role: str
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.ACCOUNTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateUser(Command):
    """The invited person has enrolled: name, contact and password are set."""

    name = "activate_user"
    roles = frozenset({"farmer", "trader", "buyer", "admin", "operator"})

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.NEVER_STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAct(Command):
    """What an admin or the operator does with somebody else's account, by its alias, with a reason."""

    roles = frozenset({"admin", "operator"})
    is_admin_action = True
    account: str
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.ACCOUNTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRole(AccountAct):
    """Give an account another role; its sessions end."""

    name = "change_role"
    roles = frozenset({"admin"})
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendUser(AccountAct):
    """Keep an account from doing anything, from here on; its sessions end."""

    name = "suspend_user"

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.NEVER_STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsuspendUser(AccountAct):
    """Let a suspended account act again."""

    name = "unsuspend_user"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteUser(AccountAct):
    """End an account for good. Its rows stay; who the person was is erased from the identities afterwards."""

    name = "delete_user"
    roles = frozenset({"admin"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSessions(AccountAct):
    """End every session of an account."""

    name = "end_sessions"

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.NEVER_STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueReset(AccountAct):
    """Hand over a one-time code for a new password, or a new link to who was invited. Neither stands in a book."""

    name = "issue_reset"

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.NEVER_STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetSecondFactor(AccountAct):
    """Take an admin's second factor away, who lost it; its sessions end, and a link that is handed over enrols another."""

    name = "reset_second_factor"
    roles = frozenset({"operator"})

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.NEVER_STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSessionsEnd(Command):
    """What ends an account's own sessions because its password becomes another."""

    roles = frozenset({"farmer", "trader", "buyer", "admin", "operator"})

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.NEVER_STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPassword(OwnSessionsEnd):
    """The person sets a new password with a one-time code."""

    name = "reset_password"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePassword(OwnSessionsEnd):
    """The person sets a new password, knowing the old one."""

    name = "change_password"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPhase(Command):
    """Begin production, or go back to the pilot with its caps on active users."""

    name = "set_phase"
    roles = frozenset({"operator"})
    is_admin_action = True
    phase: str
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.ACCOUNTS})
