"""Signing in: throttled by account and by address, the same answer and the same time for every way of being wrong."""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from watchkeeper.base.clock import Clock, later
from watchkeeper.base.database import Database
from watchkeeper.market.pace import Limit, PaceExceeded
from watchkeeper.market.reading import Books
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import challenges, passkeys, passwords, resets, sessions, tokens, totp
from watchkeeper.market.signin.enrolment import SECOND_FACTOR_ROLES
from watchkeeper.market.signin.passkeys import Assertion
from watchkeeper.market.signin.sessions import Session
from watchkeeper.market.signin.site import NOWHERE, Site
from watchkeeper.market.state import User

ACCOUNT_ATTEMPTS_MAX, ACCOUNT_SECONDS = 10, 15 * 60
ADDRESS_ATTEMPTS_MAX, ADDRESS_SECONDS = 100, 3600
RESETS_MAX, RESET_SECONDS = 3, 3600
#: Kind of attempt -> what it is called among the limits.
_NAMES = {"sign_in": "sign-ins", "second_factor": "second-factors", "reset": "resets"}
_NOTE_SECONDS_MAX = 5.0
_ALIAS = re.compile(r"[a-z]{3}_[0-9a-z]{6}")
#: The address of whoever signs in at the command line of the host; nothing that a visitor says becomes it.
HOST = "host"
#: Where an attempt comes from that names no address.
UNKNOWN = "unknown"
_ADDRESS_MAX = 64
#: What no alias can be is counted under a name that only this process can make from it.
_COUNTING_KEY = secrets.token_bytes(32)


def address_of(said: str | None) -> str:
    """An address as attempts are counted by it. A proxy hands on what a visitor wrote, so what is no address is unknown."""
    try:
        # A zone behind a percent sign is any text: it would make one visitor many.
        return str(ipaddress.ip_address((said or "")[:_ADDRESS_MAX].partition("%")[0]))
    except ValueError:
        return UNKNOWN


def counted_as(alias: str) -> str:
    """The account that an attempt counts for. A telephone number or password typed into the wrong field stays out of the books."""
    account = alias.strip().casefold()
    if _ALIAS.fullmatch(account):
        return account
    return f"unnamed-{_disguised(account)}"


def _disguised(text: str) -> str:
    return hmac.new(_COUNTING_KEY, text.encode("utf-8", "replace"), "sha256").hexdigest()[:32]


def limits_of(kind: str, *, account: str, address: str) -> tuple[tuple[str, str, str, Limit], ...]:
    """The limits that an attempt falls under: whose it is, which one, the name that a hit is noted under, the limit.

    Admins read the hits, so an address goes by a name that only this process can make from it.
    """
    most, window = (RESETS_MAX, RESET_SECONDS) if kind == "reset" else (ACCOUNT_ATTEMPTS_MAX, ACCOUNT_SECONDS)
    name = _NAMES[kind]
    return (
        ("account", account, account, Limit(name, (), most, window)),
        (
            "address",
            address,
            f"address-{_disguised(address)}",
            Limit(f"{name}-from-an-address", (), ADDRESS_ATTEMPTS_MAX, ADDRESS_SECONDS),
        ),
    )


@dataclass(slots=True)
class Gatekeeper:
    """One thread's way to sign people in. `note` appends an attempt to the books' side log and is done when it is durable;
    `denied` counts a refusal, and the hit of its limit, and waits for nothing.

    `site`: where passkeys are right; without one none is.
    """

    identities: Database
    books: Books
    note: Callable[..., Future[None]]
    denied: Callable[..., None]
    clock: Clock
    site: Site = NOWHERE

    def sign_in(
        self, *, alias: str, password: str, code: str = "", address: str, passkey: Assertion | None = None
    ) -> tuple[str, User]:
        """A session's token and its account; the second factor is a code or a passkey's answer, never both.

        Raises `Refusal` unauthenticated or rate-limit-exceeded.
        """
        account = counted_as(alias)
        self._throttle(account, address, "sign_in")
        user = self.books.user_by_alias(account)
        stored = None if user is None else self._password_of(user.id)
        # Asked before the password, so that a wrong one takes as long and costs the challenge too.
        proof = None if passkey is None else self._proof(user, passkey)
        right = passwords.matches(stored, password)
        with_factor = user is not None and user.role in SECOND_FACTOR_ROLES
        if passkey is not None:
            given = right and not code
            right = given and user is not None and proof is not None and self._counted(user.id, proof)
        elif right and user is not None and with_factor:
            right = self._second_factor(user.id, code)
        if not right or user is None or user.status != "active":
            self._noted(account, address, "sign_in", "refused")
            raise Refusal("unauthenticated", "Alias, password or code are not right.")
        self._noted(account, address, "sign_in", "accepted")
        token = sessions.begin(self.identities, user, second_factor=with_factor, at=self.clock.now())
        if self._password_of(user.id) != stored:
            # It was reset while this one was checked, and no session must outlive it.
            sessions.end_token(self.identities, token, at=self.clock.now())
            raise Refusal("unauthenticated", "Alias, password or code are not right.")
        return token, user

    def _proof(self, user: User | None, passkey: Assertion) -> passkeys.Proof | None:
        user_id = None if user is None else user.id
        spent = challenges.spend(
            self.identities,
            passkeys.challenge_in(passkey.client_data),
            user_id,
            purpose="sign_in",
            session=None,
            at=self.clock.now(),
        )
        proof = passkeys.proven(self.identities, user_id, passkey, site=self.site)
        return proof if spent else None

    def _counted(self, user_id: int, proof: passkeys.Proof) -> bool:
        with self.identities.transaction("write"):
            return passkeys.counted(self.identities, user_id, proof, at=self.clock.now())

    def challenge(self, *, alias: str, address: str) -> dict[str, object]:
        """What a browser needs to answer with a passkey at sign-in; the same for every account and for none.

        Raises `Refusal` rate-limit-exceeded or capability-blocked.
        """
        account = counted_as(alias)
        self._throttle(account, address, "sign_in")
        user = self.books.user_by_alias(account)
        return passkeys.sign_in_options(
            self.identities,
            None if user is None else user.id,
            site=self.site,
            asked_by=tokens.digest(address),
            at=self.clock.now(),
        )

    def _password_of(self, user_id: int) -> str | None:
        row = self.identities.one("SELECT password_hash FROM credentials WHERE user_id = ?", (user_id,))
        return None if row is None else str(row[0])

    def check_password(self, session: Session, *, password: str, address: str) -> str:
        """The stored hash of the signed-in person's password when this is it; throttled as signing in is.

        Raises `Refusal` unauthenticated or rate-limit-exceeded.
        """
        self._throttle(session.user.alias, address, "sign_in")
        stored = self._password_of(session.user.id)
        right = passwords.matches(stored, password)
        self._noted(session.user.alias, address, "sign_in", "accepted" if right else "refused")
        if not right or stored is None:
            raise Refusal("not-authorized", "The old password is not right.")
        return stored

    def check_reset(self, *, alias: str, code: str, address: str) -> User:
        """The account that a reset code opens; every attempt counts. Raises `Refusal` as `sign_in` does."""
        account = counted_as(alias)
        self._throttle(account, address, "reset")
        user = self.books.user_by_alias(account)
        good = resets.good(self.identities, -1 if user is None else user.id, code, at=self.clock.now())
        right = good and user is not None and user.status == "active"
        self._noted(account, address, "reset", "accepted" if right else "refused")
        if user is None or not right:
            raise Refusal("unauthenticated", "Alias or code are not right, or the code's hour is over.")
        return user

    def _second_factor(self, user_id: int, code: str) -> bool:
        with self.identities.transaction("write"):
            if totp.spend(self.identities, user_id, code, clock=self.clock):
                return True
            changed = self.identities.execute(
                "UPDATE recovery_codes SET used_at = ? WHERE user_id = ? AND code_hash = ? AND used_at IS NULL",
                (self.clock.now(), user_id, tokens.digest(code)),
            )
            return changed == 1

    def refresh(
        self, session: Session, *, code: str = "", address: str, passkey: Assertion | None = None
    ) -> None:
        """A fresh second factor for a session; raises `Refusal` second-factor-required or rate-limit-exceeded."""
        self._throttle(session.user.alias, address, "second_factor")
        try:
            if passkey is None:
                sessions.refresh(self.identities, session, code, clock=self.clock)
            else:
                self._refresh_by(session, passkey)
        except Refusal:
            self._noted(session.user.alias, address, "second_factor", "refused")
            raise
        self._noted(session.user.alias, address, "second_factor", "accepted")

    def _refresh_by(self, session: Session, passkey: Assertion) -> None:
        user_id, at = session.user.id, self.clock.now()
        challenge = passkeys.challenge_in(passkey.client_data)
        spent = challenges.spend(
            self.identities, challenge, user_id, purpose="second_factor", session=session.id, at=at
        )
        proof = passkeys.proven(self.identities, user_id, passkey, site=self.site)
        with self.identities.transaction("write"):
            if not spent or proof is None or not passkeys.counted(self.identities, user_id, proof, at=at):
                raise Refusal(
                    "second-factor-required",
                    "The passkey is not right, or its five minutes are over. Begin again.",
                )
            sessions.freshened(self.identities, session, at=at)

    def _noted(self, account: str, address: str, kind: str, outcome: str) -> None:
        self.note(account=account, address=address, kind=kind, outcome=outcome).result(_NOTE_SECONDS_MAX)

    def _throttle(self, account: str, address: str, kind: str) -> None:
        now = self.clock.now()
        for whose, key, named, limit in limits_of(kind, account=account, address=address):
            since = later(now, seconds=-limit.window_seconds)
            nth = self.books.nth_attempt(
                limit.accepted_max,
                since=since,
                kind=kind,
                whose=whose,
                key=key,
                # Whoever guesses from elsewhere must not close the command line to the operator.
                only_from=HOST if address == HOST else None,
            )
            if nth is not None:
                # The window slides: it is open again when this attempt has left it.
                refusal = PaceExceeded(limit, at=now, oldest=nth)
                self.denied(actor=named, refusal=refusal)
                raise refusal
