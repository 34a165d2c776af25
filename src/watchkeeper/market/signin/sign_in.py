"""Signing in: throttled by account and by address, the same answer and the same time for every way of being wrong."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from watchkeeper.base.clock import Clock, later
from watchkeeper.base.database import Database
from watchkeeper.market.reading import Books
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import passwords, sessions, tokens, totp
from watchkeeper.market.signin.enrolment import SECOND_FACTOR_ROLES
from watchkeeper.market.signin.sessions import Session
from watchkeeper.market.state import User

ACCOUNT_ATTEMPTS_MAX, ACCOUNT_SECONDS = 10, 15 * 60
ADDRESS_ATTEMPTS_MAX, ADDRESS_SECONDS = 100, 3600
_NOTE_SECONDS_MAX = 5.0


@dataclass(slots=True)
class Gatekeeper:
    """One thread's way to sign people in. `note` appends an attempt to the books' side log and is done when it is durable."""

    identities: Database
    books: Books
    note: Callable[..., Future[None]]
    clock: Clock

    def sign_in(self, *, alias: str, password: str, code: str, address: str) -> tuple[str, User]:
        """A session's token and its account; raises `Refusal` unauthenticated or rate-limit-exceeded."""
        account = alias.strip().casefold()[:64]
        self._throttle(account, address, "sign_in")
        user = self.books.user_by_alias(account)
        row = (
            None
            if user is None
            else self.identities.one("SELECT password_hash FROM credentials WHERE user_id = ?", (user.id,))
        )
        right = passwords.matches(None if row is None else str(row[0]), password)
        with_factor = user is not None and user.role in SECOND_FACTOR_ROLES
        if right and user is not None and with_factor:
            right = self._second_factor(user.id, code)
        if not right or user is None or user.status != "active":
            self._noted(account, address, "sign_in", "refused")
            raise Refusal("unauthenticated", "Alias, password or code are not right.")
        self._noted(account, address, "sign_in", "accepted")
        token = sessions.begin(self.identities, user, second_factor=with_factor, at=self.clock.now())
        return token, user

    def _second_factor(self, user_id: int, code: str) -> bool:
        with self.identities.transaction("write"):
            if totp.spend(self.identities, user_id, code, clock=self.clock):
                return True
            changed = self.identities.execute(
                "UPDATE recovery_codes SET used_at = ? WHERE user_id = ? AND code_hash = ? AND used_at IS NULL",
                (self.clock.now(), user_id, tokens.digest(code)),
            )
            return changed == 1

    def refresh(self, session: Session, *, code: str, address: str) -> None:
        """A fresh second factor for a session; raises `Refusal` second-factor-required or rate-limit-exceeded."""
        self._throttle(session.user.alias, address, "second_factor")
        try:
            sessions.refresh(self.identities, session, code, clock=self.clock)
        except Refusal:
            self._noted(session.user.alias, address, "second_factor", "refused")
            raise
        self._noted(session.user.alias, address, "second_factor", "accepted")

    def _noted(self, account: str, address: str, kind: str, outcome: str) -> None:
        self.note(account=account, address=address, kind=kind, outcome=outcome).result(_NOTE_SECONDS_MAX)

    def _throttle(self, account: str, address: str, kind: str) -> None:
        now = self.clock.now()
        by_account = self.books.attempts(
            since=later(now, seconds=-ACCOUNT_SECONDS), kind=kind, account=account
        )
        by_address = self.books.attempts(
            since=later(now, seconds=-ADDRESS_SECONDS), kind=kind, address=address
        )
        if by_account < ACCOUNT_ATTEMPTS_MAX and by_address < ADDRESS_ATTEMPTS_MAX:
            return
        seconds = ACCOUNT_SECONDS if by_account >= ACCOUNT_ATTEMPTS_MAX else ADDRESS_SECONDS
        raise Refusal(
            "rate-limit-exceeded",
            f"Too many attempts to sign in. Try again in {seconds // 60} minutes.",
            retry_after_seconds=seconds,
        )
