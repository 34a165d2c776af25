"""Who may act, and what they are told."""

from __future__ import annotations

from tests.properties.model.base import ACCEPTED, CAPS, Account, poor
from tests.properties.model.goods import Goods

SENDERS = {
    "admin_broadcast": "admin",
    "role_based": "admin",
    "utid_specific": "admin",
    "system": "operator",
}


class Plain(Goods):
    """The whole market."""

    def joins(self, user: int, account: Account) -> None:
        """An account there is from now on."""
        self.accounts[user] = account
        self.by_alias[account.alias] = user
        self.census[account.role, account.status] += 1

    def _becomes(self, account: Account, *, role: str | None = None, status: str | None = None) -> None:
        self.census[account.role, account.status] -= 1
        account.role, account.status = role or account.role, status or account.status
        self.census[account.role, account.status] += 1

    def _full(self, role: str, *statuses: str) -> bool:
        there = sum(self.census[role, status] for status in statuses)
        return self.phase == "pilot" and role in CAPS and there >= CAPS[role]

    def invite(self, actor: int, at: int, *, role: str, reason: str) -> str:
        """An account is made; the caller names it by what the market answered."""
        first = self.before("invite_user", actor, at, "admin")
        if first != ACCEPTED:
            return first
        if role not in CAPS or poor(reason):
            return "validation-failed"
        return "phase-cap-reached" if self._full(role, "active", "invited") else ACCEPTED

    def activate(self, actor: int) -> str:
        """The invited person has enrolled."""
        account = self.accounts[actor]
        if account.status not in ("invited", "active"):
            return "account-not-active"
        if account.status == "active":
            return "already-active"
        if self._full(account.role, "active"):
            return "phase-cap-reached"
        self._becomes(account, status="active")
        return ACCEPTED

    def _meant(self, actor: int, alias: str) -> Account | str:
        if alias not in self.by_alias:
            return "user-not-found"
        user = self.by_alias[alias]
        found = self.accounts[user]
        return "not-authorized" if user == actor or found.role == "operator" else found

    def _account_act(
        self, command: str, actor: int, at: int, *roles: str, alias: str, reason: str, states: tuple[str, ...]
    ) -> Account | str:
        first = self.before(command, actor, at, *roles)
        if first != ACCEPTED:
            return first
        # What somebody still has is looked up before anything else is.
        if command in ("change_role", "delete_user") and alias not in self.by_alias:
            return "user-not-found"
        if poor(reason):
            return "validation-failed"
        found = self._meant(actor, alias)
        if isinstance(found, Account) and found.status not in states:
            return "account-state"
        return found

    def holds(self, user: int) -> bool:
        """Whether an account still has something."""
        account = self.accounts[user]
        return bool(
            account.capital
            or account.locked
            or account.profit
            or account.earnings
            or any(lock.is_open and user in (lock.trader, lock.farmer) for lock in self.locks.values())
            or any(lot.trader == user and not lot.written_off and not lot.sold for lot in self.lots.values())
            or any(sale.buyer == user and not sale.outcome for sale in self.sales.values())
            or any(offer.trader == user and offer.is_open for offer in self.offers.values())
            or any(u.farmer == user and u.status in ("available", "locked") for u in self.units.values())
        )

    def change_role(self, actor: int, at: int, *, alias: str, role: str, reason: str) -> str:
        """Another role for who has nothing."""
        first = self.before("change_role", actor, at, "admin")
        if first == ACCEPTED and alias in self.by_alias and role not in CAPS:
            return "validation-failed"
        found = self._account_act(
            "change_role", actor, at, "admin", alias=alias, reason=reason, states=("active",)
        )
        if isinstance(found, str):
            return found
        if found.role == role:
            return "account-state"
        if self.holds(self.by_alias[alias]):
            return "account-in-use"
        if self._full(role, "active", "invited"):
            return "phase-cap-reached"
        self._becomes(found, role=role)
        found.ended += 1
        return ACCEPTED

    def suspend(self, actor: int, at: int, *, alias: str, reason: str) -> str:
        """Somebody stands still."""
        found = self._account_act(
            "suspend_user", actor, at, "admin", "operator", alias=alias, reason=reason, states=("active",)
        )
        if isinstance(found, str):
            return found
        self._becomes(found, status="suspended")
        found.ended += 1
        return ACCEPTED

    def unsuspend(self, actor: int, at: int, *, alias: str, reason: str) -> str:
        """And acts again."""
        found = self._account_act(
            "unsuspend_user",
            actor,
            at,
            "admin",
            "operator",
            alias=alias,
            reason=reason,
            states=("suspended",),
        )
        if isinstance(found, str):
            return found
        if self._full(found.role, "active", "invited"):
            return "phase-cap-reached"
        self._becomes(found, status="active")
        return ACCEPTED

    def delete(self, actor: int, at: int, *, alias: str, reason: str) -> str:
        """Somebody leaves for good."""
        found = self._account_act(
            "delete_user",
            actor,
            at,
            "admin",
            alias=alias,
            reason=reason,
            states=("active", "suspended", "invited"),
        )
        if isinstance(found, str):
            return found
        if self.holds(self.by_alias[alias]):
            return "account-in-use"
        self._becomes(found, status="deleted")
        found.ended += 1
        return ACCEPTED

    def end_sessions(self, actor: int, at: int, *, alias: str, reason: str) -> str:
        """Signed out everywhere."""
        found = self._account_act(
            "end_sessions",
            actor,
            at,
            "admin",
            "operator",
            alias=alias,
            reason=reason,
            states=("active", "suspended"),
        )
        if isinstance(found, str):
            return found
        found.ended += 1
        return ACCEPTED

    def issue_reset(self, actor: int, at: int, *, alias: str, reason: str) -> str:
        """A code is handed over, or a link."""
        found = self._account_act(
            "issue_reset",
            actor,
            at,
            "admin",
            "operator",
            alias=alias,
            reason=reason,
            states=("active", "invited"),
        )
        return found if isinstance(found, str) else ACCEPTED

    def reset_second_factor(self, actor: int, at: int, *, alias: str, reason: str) -> str:
        """An admin begins anew with another second factor."""
        found = self._account_act(
            "reset_second_factor", actor, at, "operator", alias=alias, reason=reason, states=("active",)
        )
        if isinstance(found, str):
            return found
        if found.role != "admin":
            return "account-state"
        found.ended += 1
        return ACCEPTED

    def new_password(self, command: str, actor: int, at: int) -> str:
        """Whoever was signed in with the old one is out."""
        first = self.before(command, actor, at, "farmer", "trader", "buyer", "admin", "operator")
        if first == ACCEPTED:
            self.accounts[actor].ended += 1
        return first

    def set_phase(self, actor: int, at: int, *, phase: str, reason: str) -> str:
        """The pilot, or production."""
        first = self.before("set_phase", actor, at, "operator")
        if first != ACCEPTED:
            return first
        if phase not in ("pilot", "production") or poor(reason):
            return "validation-failed"
        if phase == self.phase:
            return "account-state"
        self.phase = phase
        return ACCEPTED

    def notice(
        self,
        actor: int,
        at: int,
        *,
        kind: str,
        role: str | None,
        about: str | None,
        money: bool,
        identity: bool,
        reason: str,
    ) -> str:
        """Somebody is told something; `money` and `identity` say what the text speaks of."""
        first = self.before("send_notice", actor, at, "admin", "operator")
        if first != ACCEPTED:
            return first
        if poor(reason) or kind not in SENDERS:
            return "validation-failed"
        if self.accounts[actor].role != SENDERS[kind]:
            return "not-authorized"
        if (kind == "role_based") != (role is not None) or (kind == "utid_specific") != (about is not None):
            return "validation-failed"
        people: list[int] = []
        if about in self.locks:
            people = [self.locks[about].trader, self.locks[about].farmer]
        elif about in self.sales:
            people = [self.sales[about].buyer, self.sales[about].trader]
        if about is not None and not people:
            return "utid-not-found"
        if identity:
            return "validation-failed"
        reaches_a_buyer = {
            "role_based": role == "buyer",
            "utid_specific": any(self.accounts[person].role == "buyer" for person in people),
        }.get(kind, True)
        return "validation-failed" if money and reaches_a_buyer else ACCEPTED
