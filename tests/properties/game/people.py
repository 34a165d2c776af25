"""Moves with accounts, and notices."""

from __future__ import annotations

from collections.abc import Callable

from tests.properties.game.table import NO_UTID, Step, Table
from tests.properties.model import ACCEPTED
from watchkeeper.market.commands import (
    ActivateUser,
    Answer,
    ChangePassword,
    ChangeRole,
    Command,
    DeleteUser,
    EndSessions,
    InviteUser,
    IssueReset,
    ResetPassword,
    ResetSecondFactor,
    SendNotice,
    SetPhase,
    SuspendUser,
    UnsuspendUser,
)

#: What a notice says, whether of money, and whether it names somebody.
TEXTS = (
    ("The store is closed on Sunday.", False, False),
    ("Maize costs 1,200 shillings now.", True, False),
    ("Maize is at 25k per bag now.", True, False),
    ("Ask grace@example.org about it.", False, True),
)


class PeopleMoves(Table):
    """Accounts and what they are told."""

    def invite(self) -> Step:
        """Somebody is asked in."""
        actor, reason = self.by([self.admin]), self.reason()
        role = self.draw.choice(("farmer", "trader", "buyer", "buyer", "admin", "king"))

        def model(answer: Answer | None, at: int) -> str:
            said = self.plain.invite(actor, at, role=role, reason=reason)
            if answer is not None:
                user = answer.body["user_id"]
                assert isinstance(user, int)
                self.invited(user, role)
            return said

        return Step(InviteUser(role=role, reason=reason), actor, model)

    def activate(self) -> Step:
        """Somebody comes in, or tries again."""
        actor = self.draw.choice(self.guests or self.buyers)

        def model(_: Answer | None, __: int) -> str:
            return self.plain.activate(actor)

        return Step(ActivateUser(), actor, model)

    def _somebody(self) -> str:
        if self.chance(0.02):
            return "buy_000000"
        people = self.guests if self.guests and self.chance(0.8) else [*self.traders, *self.farmers]
        return self.plain.accounts[self.by(people)].alias

    def suspend(self) -> Step:
        """Somebody stands still."""
        actor, alias, reason = self.by([self.admin, self.operator]), self._somebody(), self.reason()

        def model(_: Answer | None, at: int) -> str:
            said = self.plain.suspend(actor, at, alias=alias, reason=reason)
            if said == ACCEPTED:
                self.suspended.append(self.plain.by_alias[alias])
            return said

        return Step(SuspendUser(account=alias, reason=reason), actor, model)

    def unsuspend(self) -> Step:
        """And acts again, mostly who was suspended."""
        actor, alias, reason = self.by([self.admin, self.operator]), self._somebody(), self.reason()
        if self.suspended:
            alias = self.plain.accounts[self.draw.choice(self.suspended)].alias

        def model(_: Answer | None, at: int) -> str:
            said = self.plain.unsuspend(actor, at, alias=alias, reason=reason)
            if said in (ACCEPTED, "account-state") and self.plain.by_alias[alias] in self.suspended:
                self.suspended.remove(self.plain.by_alias[alias])
            return said

        return Step(UnsuspendUser(account=alias, reason=reason), actor, model)

    def change_role(self) -> Step:
        """Another role."""
        actor, alias, reason = self.by([self.admin]), self._somebody(), self.reason()
        role = self.draw.choice(("farmer", "trader", "buyer", "admin", "king"))

        def model(_: Answer | None, at: int) -> str:
            return self.plain.change_role(actor, at, alias=alias, role=role, reason=reason)

        return Step(ChangeRole(account=alias, role=role, reason=reason), actor, model)

    def delete(self) -> Step:
        """Somebody leaves."""
        actor, alias, reason = self.by([self.admin]), self._somebody(), self.reason()

        def model(_: Answer | None, at: int) -> str:
            return self.plain.delete(actor, at, alias=alias, reason=reason)

        return Step(DeleteUser(account=alias, reason=reason), actor, model)

    def end_sessions(self) -> Step:
        """Somebody is signed out."""
        actor, alias, reason = self.by([self.admin, self.operator]), self._somebody(), self.reason()

        def model(_: Answer | None, at: int) -> str:
            return self.plain.end_sessions(actor, at, alias=alias, reason=reason)

        return Step(EndSessions(account=alias, reason=reason), actor, model)

    def issue_reset(self) -> Step:
        """A code for a new password."""
        actor, alias, reason = self.by([self.admin, self.operator]), self._somebody(), self.reason()

        def model(_: Answer | None, at: int) -> str:
            return self.plain.issue_reset(actor, at, alias=alias, reason=reason)

        return Step(IssueReset(account=alias, reason=reason), actor, model)

    def reset_second_factor(self) -> Step:
        """Another second factor, mostly for an admin."""
        actor, alias, reason = (
            self.by([self.operator, self.operator, self.admin]),
            self._somebody(),
            self.reason(),
        )
        if self.chance(0.5):
            alias = self.plain.accounts[self.admin].alias

        def model(_: Answer | None, at: int) -> str:
            return self.plain.reset_second_factor(actor, at, alias=alias, reason=reason)

        return Step(ResetSecondFactor(account=alias, reason=reason), actor, model)

    def new_password(self) -> Step:
        """A new password, with the old one or with a code."""
        actor = self.by([*self.traders, *self.buyers])
        make: Callable[[], Command] = self.draw.choice((ResetPassword, ChangePassword))
        command = make()

        def model(_: Answer | None, at: int) -> str:
            return self.plain.new_password(command.name, actor, at)

        return Step(command, actor, model)

    def set_phase(self) -> Step:
        """Mostly production, which lets newcomers in."""
        actor, reason = self.by([self.operator]), self.reason()
        phase = self.draw.choice(("pilot", "production", "production", "production", "someday"))

        def model(_: Answer | None, at: int) -> str:
            return self.plain.set_phase(actor, at, phase=phase, reason=reason)

        return Step(SetPhase(phase=phase, reason=reason), actor, model)

    def notice(self) -> Step:
        """Somebody is told something."""
        actor, reason = self.by([self.admin, self.operator]), self.reason()
        kind = self.draw.choice(("admin_broadcast", "role_based", "utid_specific", "system", "rumour"))
        role = self.draw.choice(("buyer", "trader")) if (kind == "role_based") != self.chance(0.02) else None
        about = None
        if (kind == "utid_specific") != self.chance(0.02):
            about = self.some_utid(self.plain.sales if self.chance(0.5) else self.plain.locks)
            if self.chance(0.1):
                about = NO_UTID
        text, money, identity = self.draw.choice(TEXTS)

        def model(_: Answer | None, at: int) -> str:
            return self.plain.notice(
                actor, at, kind=kind, role=role, about=about, money=money, identity=identity, reason=reason
            )

        command = SendNotice(kind=kind, text=text, reason=reason, role=role, about_utid=about)
        return Step(command, actor, model)
