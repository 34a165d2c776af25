"""Signing in: passwords, second factors that are good once, throttling, sessions that end when they must."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.worlds.books import Market, StandingClock, digest_of_all
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND
from watchkeeper.market.pace import PaceExceeded
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import enrolment, passwords, sessions, totp
from watchkeeper.market.signin.enrolment import Person
from watchkeeper.market.signin.sign_in import (
    ACCOUNT_ATTEMPTS_MAX,
    ADDRESS_ATTEMPTS_MAX,
    HOST,
    UNKNOWN,
    Gatekeeper,
    address_of,
)
from watchkeeper.market.signin.store import open_identities
from watchkeeper.market.state import User

WORD = "grey heron over lake victoria"
HOUR = 3600 * MICROSECONDS_PER_SECOND


class Door:
    """A market with an admin and a trader who have enrolled, and the gatekeeper that lets them in."""

    def __init__(self, data: Path) -> None:
        self.clock = StandingClock()
        self.market = Market(data, clock=self.clock)
        self.identities = open_identities(data, system_id=self.market.market.system_id)
        self.gatekeeper = Gatekeeper(self.identities, self.market.books, self._note, self._denied, self.clock)
        self.admin = self._user(self.market.admin_id)
        self.trader = self._user(self.market.tina)
        self.secret, self.recovery = self._enrol(self.admin, phone="+256 700 000001")
        self._enrol(self.trader, phone="+256 700 000002")

    def _user(self, user_id: int) -> User:
        user = self.market.books.user(user_id)
        assert user is not None
        return user

    def _note(self, *, account: str, address: str, kind: str, outcome: str) -> Future[None]:
        executor = self.market.executor
        executor.notes.attempt(account=account, address=address, kind=kind, outcome=outcome)
        executor.flush_notes()
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def _denied(self, *, actor: str, refusal: PaceExceeded) -> None:
        self.market.executor.notes.hit(actor=actor, limit=refusal.limit)
        self.market.executor.flush_notes()

    def hits(self) -> list[tuple[object, ...]]:
        """Whose hits of which limits were noted."""
        rows = self.market.books.database.query("SELECT actor, limit_name FROM rate_limit_hits ORDER BY id")
        return [tuple(row) for row in rows]

    def _enrol(self, user: User, *, phone: str) -> tuple[str, list[str]]:
        token = enrolment.invite_in(self.identities, user, at=self.clock.now())
        secret = enrolment.look(self.identities, token, at=self.clock.now()).totp_secret or ""
        codes = enrolment.finish(
            self.identities,
            token,
            Person(
                name="A B", phone=phone, email="", password=WORD, code=self.code(secret) if secret else ""
            ),
            still_invited=True,
            clock=self.clock,
        )
        return secret, codes

    def code(self, secret: str, *, steps: int = 0) -> str:
        now = self.clock.now() // MICROSECONDS_PER_SECOND // totp.STEP_SECONDS
        return totp.code_at(secret, now + steps)

    def next_step(self) -> None:
        self.clock.instant_offset += totp.STEP_SECONDS * MICROSECONDS_PER_SECOND

    def enter(self, user: User, *, code: str = "", password: str = WORD, address: str = "127.0.0.1") -> str:
        token, found = self.gatekeeper.sign_in(
            alias=user.alias, password=password, code=code, address=address
        )
        assert found.id == user.id
        return token

    def refused(self, user: User, **how: str) -> str:
        before = digest_of_all(self.market.data)
        with pytest.raises(Refusal) as refused:
            self.enter(user, **how)
        assert digest_of_all(self.market.data) == before
        return refused.value.code

    def session(self, token: str) -> sessions.Session:
        return sessions.find(self.identities, self.market.books, token, clock=self.clock)

    def close(self) -> None:
        self.identities.close()
        self.market.close()


@pytest.fixture
def door(data: Path) -> Iterator[Door]:
    found = Door(data)
    yield found
    found.close()


def test_the_same_letters_written_another_way_are_the_same_password() -> None:
    stored = passwords.hashed("café au lait à Kampala")
    assert passwords.matches(stored, "cafe\u0301 au lait a\u0300 Kampala")
    assert not passwords.matches(stored, "cafe au lait a Kampala")
    assert not passwords.matches(None, "nobody has this password")


@pytest.mark.rule("factor.second")
def test_a_code_is_good_once_and_only_near_its_time(door: Door) -> None:
    spent = door.code(door.secret)
    # Enrolment took this step's code.
    assert door.refused(door.admin, code=spent) == "unauthenticated"
    door.next_step()
    code = door.code(door.secret)
    door.enter(door.admin, code=code)
    assert door.refused(door.admin, code=code) == "unauthenticated"
    assert door.refused(door.admin, code=door.code(door.secret, steps=2)) == "unauthenticated"
    door.next_step()
    door.next_step()
    assert door.refused(door.admin, code=door.code(door.secret, steps=-2)) == "unauthenticated"
    door.enter(door.admin, code=door.code(door.secret, steps=1))
    # A step that lies before one that was spent is spent with it.
    assert door.refused(door.admin, code=door.code(door.secret)) == "unauthenticated"


@pytest.mark.rule("factor.second")
def test_a_recovery_code_is_good_once(door: Door) -> None:
    assert len(set(door.recovery)) == enrolment.RECOVERY_CODES
    door.enter(door.admin, code=door.recovery[0])
    assert door.refused(door.admin, code=door.recovery[0]) == "unauthenticated"
    door.enter(door.admin, code=door.recovery[1])


@pytest.mark.rule("factor.second")
def test_an_admin_needs_the_second_factor_and_a_trader_has_none(door: Door) -> None:
    assert door.refused(door.admin) == "unauthenticated"
    assert not door.session(door.enter(door.trader)).fresh(at=door.clock.now())


@pytest.mark.rule("sign-in.same-work")
def test_every_way_of_being_wrong_has_the_same_answer(door: Door) -> None:
    said = set()
    for alias, password in (
        ("nobody", WORD),
        (door.trader.alias, "wrong"),
        ("", ""),
        (door.trader.alias, "\ud800"),
    ):
        with pytest.raises(Refusal) as refused:
            door.gatekeeper.sign_in(alias=alias, password=password, code="", address="127.0.0.1")
        said.add((refused.value.code, refused.value.detail))
    assert len(said) == 1


@pytest.mark.rule("pace.sign-in")
def test_ten_attempts_for_an_account_in_a_quarter_of_an_hour(door: Door) -> None:
    for _ in range(ACCOUNT_ATTEMPTS_MAX):
        assert door.refused(door.trader, password="wrong") == "unauthenticated"
    assert door.refused(door.trader) == "rate-limit-exceeded"
    door.enter(door.admin, code=door.recovery[0])
    door.clock.instant_offset += 15 * 60 * MICROSECONDS_PER_SECOND + 1
    door.enter(door.trader)


@pytest.mark.rule("pace.host-open")
def test_guesses_from_elsewhere_leave_the_hosts_command_line_open_and_its_own_do_not(door: Door) -> None:
    for _ in range(ACCOUNT_ATTEMPTS_MAX):
        assert door.refused(door.admin, password="wrong", address="10.0.0.9") == "unauthenticated"
    assert door.refused(door.admin, address="10.0.0.8") == "rate-limit-exceeded"
    door.enter(door.admin, code=door.recovery[0], address=HOST)
    for _ in range(ACCOUNT_ATTEMPTS_MAX - 1):
        assert door.refused(door.admin, password="wrong", address=HOST) == "unauthenticated"
    assert door.refused(door.admin, address=HOST) == "rate-limit-exceeded"


@pytest.mark.rule("pace.host-open")
@pytest.mark.parametrize("said", [None, "", HOST, "unknown", "host:1", "1.2.3", "tra_nobody", "1" * 5000])
def test_what_a_visitor_calls_an_address_is_one_or_unknown_and_never_the_host(said: str | None) -> None:
    assert address_of(said) == UNKNOWN != HOST


def test_one_address_has_one_name() -> None:
    assert address_of("203.0.113.7") == "203.0.113.7"
    assert address_of("2001:DB8::0:1") == address_of("2001:db8::1%any text") == "2001:db8::1"


@pytest.mark.rule("sign-in.same-work")
def test_a_wrong_name_and_a_wrong_password_are_the_same_work(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    real = passwords._HASHER

    class Counting:
        """The hasher itself, and what it was asked to verify."""

        def verify(self, stored: str, password: bytes) -> bool:
            verified.append(stored)
            return real.verify(stored, password)

        def hash(self, password: str) -> str:
            return real.hash(password)

    monkeypatch.setattr(passwords, "_HASHER", Counting())
    wanted = []
    for alias in ("tra_nobody", "no alias at all", door.trader.alias, door.admin.alias):
        with pytest.raises(Refusal):
            door.gatekeeper.sign_in(alias=alias, password="wrong", address="127.0.0.1")
        wanted.append(len(verified))
    # One each, of the same cost, and none is spared because there is nobody to compare with.
    assert wanted == [1, 2, 3, 4]
    assert {stored.split("$")[3] for stored in verified} == {verified[0].split("$")[3]}


@pytest.mark.rule("pace.sign-in")
def test_a_hundred_attempts_from_an_address_in_an_hour(door: Door) -> None:
    for number in range(ADDRESS_ATTEMPTS_MAX):
        door._note(account=f"somebody{number}", address="10.0.0.9", kind="sign_in", outcome="refused")
    for someone in (door.trader, door.admin):
        assert door.refused(someone, address="10.0.0.9") == "rate-limit-exceeded"
    door.enter(door.trader, address="10.0.0.8")
    # Whoever tries one account after the other is one and the same, and nobody reads from where.
    (first, second) = door.hits()
    assert first == second
    assert first[1] == "sign-ins-from-an-address"
    assert "10.0.0.9" not in str(first[0])


@pytest.mark.rule("session.ends")
def test_a_session_ends_after_a_day_an_admins_after_an_idle_hour(door: Door) -> None:
    trader, admin = door.enter(door.trader), door.enter(door.admin, code=door.recovery[0])
    assert door.session(admin).fresh(at=door.clock.now())
    door.clock.instant_offset += 6 * 60 * MICROSECONDS_PER_SECOND
    assert not door.session(admin).fresh(at=door.clock.now())
    door.clock.instant_offset += HOUR - 60 * MICROSECONDS_PER_SECOND
    assert door.session(admin)
    door.clock.instant_offset += HOUR + 1
    with pytest.raises(Refusal, match="not used"):
        door.session(admin)
    assert door.session(trader)
    door.clock.instant_offset += 22 * HOUR
    with pytest.raises(Refusal, match="ended"):
        door.session(trader)


@pytest.mark.rule("session.ends")
def test_a_session_ends_when_it_is_signed_out_or_the_clock_goes_back_before_it(door: Door) -> None:
    token = door.enter(door.trader)
    door.clock.instant_offset -= HOUR
    with pytest.raises(Refusal, match="ended"):
        door.session(token)
    door.clock.instant_offset += HOUR
    sessions.end(door.identities, door.session(token), at=door.clock.now())
    with pytest.raises(Refusal, match="ended"):
        door.session(token)


def test_the_oldest_of_too_many_sessions_ends(door: Door) -> None:
    tokens = []
    for _ in range(21):
        tokens.append(sessions.begin(door.identities, door.trader, second_factor=False, at=door.clock.now()))
        door.clock.instant_offset += 1
    with pytest.raises(Refusal):
        door.session(tokens[0])
    assert all(door.session(token) for token in tokens[1:])
    assert len(sessions.of_user(door.identities, door.trader, at=door.clock.now())) == 20


@pytest.mark.rule("password.kept-as-argon2")
def test_no_token_password_or_code_is_stored_as_it_is(door: Door) -> None:
    token = door.enter(door.admin, code=door.recovery[0])
    stored = ""
    for table in ("identities", "credentials", "recovery_codes", "enrolment_links", "sessions"):
        stored += repr(door.identities.query(f"SELECT * FROM {table}"))
    assert door.admin.alias in stored
    for secret in (token, WORD, *door.recovery):
        assert secret not in stored


def test_a_link_works_until_it_is_used_or_a_newer_one_is_made(door: Door) -> None:
    old = enrolment.invite_in(door.identities, door.trader, at=door.clock.now())
    new = enrolment.invite_in(door.identities, door.trader, at=door.clock.now())
    with pytest.raises(Refusal, match="not valid"):
        enrolment.look(door.identities, old, at=door.clock.now())
    assert enrolment.look(door.identities, new, at=door.clock.now()).alias == door.trader.alias
    door.clock.instant_offset += enrolment.LINK_SECONDS * MICROSECONDS_PER_SECOND
    with pytest.raises(Refusal, match="not valid"):
        enrolment.look(door.identities, new, at=door.clock.now())
