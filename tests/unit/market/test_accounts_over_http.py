"""Accounts through the market's own application: resets, passwords, sessions, identity, erasure, throttling."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from tests.waiting import until
from tests.worlds.books import REASON
from tests.worlds.office import MINUTE, NEW, WORD, Office, Someone, code_of
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, as_instant
from watchkeeper.base.database import engine_of, file_of, open_database
from watchkeeper.boundary.views import Views
from watchkeeper.market.commands import DeleteUser, ResetPassword
from watchkeeper.market.signin import enrolment, resets, totp
from watchkeeper.operation.catalogue.signs.model import Reading
from watchkeeper.operation.catalogue.signs.rates import RATES, RateSign


@pytest.fixture
def office(data: Path) -> Iterator[Office]:
    found = Office(data)
    for person in (found.admin, found.operator, found.trader):
        assert found.sign_in(person).status_code == 201
    yield found
    found.close()


def everything_about_people(data: Path) -> str:
    """Each byte of the identity store's files, or each row of its tables."""
    if engine_of(data) == "sqlite":
        path = file_of(data, "identity")
        files = [path, *path.parent.glob(path.name + "-*")]
        return "".join(file.read_bytes().decode("latin-1") for file in files)
    database = open_database(data, "identity", role="owner")
    try:
        tables = database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'identity'")
        return "".join(
            repr(database.query(f"SELECT * FROM identity.{table}"))
            for table in (str(row[0]) for row in tables)
        )
    finally:
        database.close()


@pytest.mark.rule("reset.handed-over", "session.ends")
def test_a_reset_code_sets_a_new_password_once_and_ends_the_sessions(office: Office) -> None:
    before = office.trader.token
    issued = office.on(office.trader.alias, "reset", by=office.admin)
    assert issued.status_code == 201
    code = issued.json()["code"]
    assert code not in everything_about_people(office.data)
    journal = office.market.books.database.query("SELECT arguments, answer FROM journal")
    assert code not in repr(journal)
    assert code_of(office.reset(office.admin.alias, code)) == "unauthenticated"
    assert office.reset(office.trader.alias, code).status_code == 200
    assert code_of(office.get(before, "/v1/me")) in ("unauthenticated", "session-expired")
    assert office.sign_in(office.trader).status_code == 401
    assert office.sign_in(office.trader, password=NEW).status_code == 201
    assert code_of(office.reset(office.trader.alias, code)) == "unauthenticated"


@pytest.mark.rule("reset.handed-over")
def test_a_reset_code_is_good_for_an_hour_and_until_a_newer_one_is_made(office: Office) -> None:
    old = office.on(office.trader.alias, "reset", by=office.admin).json()["code"]
    new = office.on(office.trader.alias, "reset", by=office.admin).json()["code"]
    assert code_of(office.reset(office.trader.alias, old)) == "unauthenticated"
    office.later(61)
    assert code_of(office.reset(office.trader.alias, new)) == "unauthenticated"


@pytest.mark.rule("pace.resets")
def test_three_reset_codes_an_hour_and_three_attempts_with_them(office: Office) -> None:
    for _ in range(resets.ISSUED_MAX):
        assert office.on(office.trader.alias, "reset", by=office.admin).status_code == 201
    fourth = office.on(office.trader.alias, "reset", by=office.admin)
    assert code_of(fourth) == "rate-limit-exceeded"
    assert 0 < int(fourth.headers["retry-after"]) <= 3600
    for _ in range(3):
        assert code_of(office.reset(office.trader.alias, "wrong")) == "unauthenticated"
    throttled = office.reset(office.trader.alias, "wrong")
    assert (throttled.status_code, code_of(throttled)) == (429, "rate-limit-exceeded")
    assert 0 < int(throttled.headers["retry-after"]) <= 3600
    assert code_of(office.reset("tra_nobody", "wrong")) == "unauthenticated"
    office.later(60)
    assert code_of(office.reset(office.trader.alias, "wrong")) == "unauthenticated"


@pytest.mark.rule("pace.sign-in")
def test_signing_in_is_throttled_for_the_operator_too_and_says_until_when(office: Office) -> None:
    office.later(16)
    for _ in range(10):
        office.operator.recovery.append("wrong")
        assert office.sign_in(office.operator, password="wrong").status_code == 401
    throttled = office.sign_in(office.operator)
    assert code_of(throttled) == "rate-limit-exceeded"
    assert 0 < int(throttled.headers["retry-after"]) <= 15 * 60


def test_an_admin_does_not_reset_the_operator_and_the_operator_resets_an_admin(office: Office) -> None:
    assert code_of(office.on(office.operator.alias, "reset", by=office.admin)) == "not-authorized"
    assert office.on(office.admin.alias, "reset", by=office.operator).status_code == 201


def test_a_crash_between_the_books_and_the_new_password_changes_nothing_but_ends_sessions(
    office: Office,
) -> None:
    code = office.on(office.trader.alias, "reset", by=office.admin).json()["code"]
    office.intake.submit(office.market.act(ResetPassword(), office.trader.id)).result(10)
    assert code_of(office.get(office.trader, "/v1/me")) == "session-expired"
    assert office.sign_in(office.trader).status_code == 201
    assert office.reset(office.trader.alias, code).status_code == 200
    assert office.sign_in(office.trader, password=NEW).status_code == 201


def test_a_password_is_changed_with_the_old_one_and_other_sessions_end(office: Office) -> None:
    other = office.trader.token
    assert office.sign_in(office.trader).status_code == 201
    wrong = office.post(office.trader, "/v1/me/password", old_password="not it", password=NEW)
    assert code_of(wrong) == "not-authorized"
    short = office.post(office.trader, "/v1/me/password", old_password=WORD, password="short")
    assert code_of(short) == "validation-failed"
    assert office.post(office.trader, "/v1/me/password", old_password=WORD, password=NEW).status_code == 200
    assert office.get(office.trader, "/v1/me").status_code == 200
    assert office.get(other, "/v1/me").status_code == 401
    assert office.sign_in(office.trader).status_code == 401
    assert office.sign_in(office.trader, password=NEW).status_code == 201


def test_sessions_are_listed_and_ended_one_by_one_or_all_at_once(office: Office) -> None:
    first = office.trader.token
    assert office.sign_in(office.trader).status_code == 201
    listed = office.get(office.trader, "/v1/sessions").json()["sessions"]
    assert sorted(entry["current"] for entry in listed) == [False, True]
    (other,) = (entry["id"] for entry in listed if not entry["current"])
    # Another's session is not found.
    assert code_of(office.post(office.admin, f"/v1/sessions/{other}/ending")) == "session-not-found"
    assert office.post(office.trader, f"/v1/sessions/{other}/ending").status_code == 204
    assert office.get(first, "/v1/me").status_code == 401
    assert office.get(office.trader, "/v1/me").status_code == 200
    assert office.on(office.trader.alias, "sessions/ending", by=office.admin).status_code == 200
    assert code_of(office.get(office.trader, "/v1/me")) == "session-expired"


@pytest.mark.rule("session.ends", "account.life")
def test_suspension_ends_sessions_and_signing_in(office: Office) -> None:
    assert office.on(office.trader.alias, "suspension", by=office.admin).status_code == 200
    assert code_of(office.get(office.trader, "/v1/me")) == "session-expired"
    assert office.sign_in(office.trader).status_code == 401
    assert office.on(office.trader.alias, "unsuspension", by=office.admin).status_code == 200
    assert office.sign_in(office.trader).status_code == 201


@pytest.mark.rule("identity.read-by")
def test_an_identity_is_its_owners_to_read_and_to_change(office: Office) -> None:
    assert office.get(office.trader, "/v1/me").json()["name"] == office.trader.name
    changed = office.post(office.trader, "/v1/me", name="Nakimuli Mukasa", phone="+256 711 000 000")
    assert changed.json()["name"] == "Nakimuli Mukasa"
    taken = office.get(office.admin, "/v1/me").json()["phone"]
    assert code_of(office.post(office.trader, "/v1/me", name="N", phone=taken)) == "validation-failed"
    seen = office.get(office.admin, "/v1/users").text + office.get(office.operator, "/v1/users").text
    assert "Nakimuli" not in seen
    # What was overwritten is gone from the file too, once the log of writes is cut off.
    if engine_of(office.data) == "sqlite":
        office.identities.query("PRAGMA wal_checkpoint(TRUNCATE)")
    assert "Zawedde" not in everything_about_people(office.data)


@pytest.mark.rule("identity.erased")
def test_deletion_leaves_nothing_of_the_person(office: Office) -> None:
    assert "Zawedde" in everything_about_people(office.data)
    office.on(office.trader.alias, "reset", by=office.admin)
    assert office.on(office.trader.alias, "deletion", by=office.admin).status_code == 200
    left = everything_about_people(office.data)
    for trace in ("Zawedde", office.trader.alias, f"{office.trader.alias}@distinctive.example"):
        assert trace not in left
    assert office.sign_in(office.trader).status_code == 401
    assert office.admin.name in left


@pytest.mark.rule("identity.erased")
def test_after_a_crash_the_housekeeping_erases_who_was_deleted(office: Office) -> None:
    office.intake.stop()
    office.market.one(DeleteUser(account=office.trader.alias, reason=REASON), office.admin.id)
    assert "Zawedde" in everything_about_people(office.data)
    began_again = office.new_housekeeping()
    began_again.tick(office.market.executor)
    assert "Zawedde" not in everything_about_people(office.data)
    began_again.tick(office.market.executor)
    began_again.close()


def test_an_enrolment_that_ends_after_the_deletion_does_not_bring_the_person_back(office: Office) -> None:
    user = office.market.books.user(office.trader.id)
    assert user is not None
    token = enrolment.invite_in(office.identities, user, at=office.clock.now())
    assert office.on(office.trader.alias, "deletion", by=office.admin).status_code == 200
    answer = office.http.post(
        f"/v1/enrolments/{token}",
        json={"name": "Nakimuli Zawedde", "phone": "+256 722 000 000", "password": WORD},
    )
    assert code_of(answer) == "enrolment-not-found"
    assert "Zawedde" not in everything_about_people(office.data)


@pytest.mark.rule("factor.fresh")
@pytest.mark.parametrize("what", ["role", "unsuspension", "deletion", "reset"])
def test_it_takes_a_fresh_second_factor(office: Office, what: str) -> None:
    office.later(6)
    more = {"role": "buyer"} if what == "role" else {}
    stale = office.on(office.trader.alias, what, by=office.admin, **more)
    assert code_of(stale) == "second-factor-required"
    phase = office.post(office.operator, "/v1/phase", phase="pilot", reason=REASON)
    assert code_of(phase) == "second-factor-required"
    assert code_of(office.post(office.admin, "/v1/me/recovery-codes")) == "second-factor-required"


@pytest.mark.rule("factor.second")
def test_recovery_codes_are_counted_and_renewed(office: Office) -> None:
    assert office.get(office.admin, "/v1/me/recovery-codes").json() == {"left": 9}
    old = office.admin.recovery[-1]
    new = office.post(office.admin, "/v1/me/recovery-codes").json()["recovery_codes"]
    assert office.get(office.admin, "/v1/me/recovery-codes").json() == {"left": 10}
    office.admin.recovery = [old]
    assert office.sign_in(office.admin).status_code == 401
    office.admin.recovery = [new[0]]
    assert office.sign_in(office.admin).status_code == 201


def test_who_becomes_an_admin_enrols_a_second_factor_first(office: Office) -> None:
    changed = office.on(office.trader.alias, "role", by=office.admin, role="admin")
    assert changed.status_code == 200
    assert office.sign_in(office.trader).status_code == 401
    enrols(office, office.trader, changed.json()["enrolment"])
    assert office.sign_in(office.trader, password=NEW).json()["role"] == "admin"


def enrols(office: Office, person: Someone, link: str) -> None:
    """Somebody comes through a link that was handed over, and has another password and second factor."""
    token = link.rpartition("/")[2]
    secret = office.http.get(f"/v1/enrolments/{token}").json()["totp_secret"]
    step = office.clock.now() // MICROSECONDS_PER_SECOND // totp.STEP_SECONDS
    enrolled = office.http.post(
        f"/v1/enrolments/{token}",
        json={
            "name": person.name,
            "phone": "+256 733 000 000",
            "password": NEW,
            "code": totp.code_at(secret, step) if secret else "",
        },
    )
    assert enrolled.status_code == 201, enrolled.text
    person.recovery = enrolled.json()["recovery_codes"]


def test_an_admin_who_lost_everything_enrols_anew_by_the_operators_act(office: Office) -> None:
    lost, what = office.admin, "second-factor/reset"
    assert office.sign_in(office.other_admin).status_code == 201
    assert code_of(office.on(lost.alias, what, by=office.other_admin)) == "invalid-role"
    path = f"/v1/users/{lost.alias}/{what}"
    headers = {"authorization": f"Bearer {office.operator.token}", "idempotency-key": "the-same-press"}

    def pressed() -> httpx.Response:
        office.http.cookies.clear()
        return office.http.post(path, headers=headers, json={"reason": REASON})

    answer = pressed()
    assert answer.status_code == 201, answer.text
    # Signed out at once, and neither the app nor a recovery code nor a passkey lets anybody in.
    assert code_of(office.get(lost, "/v1/me")) in ("unauthenticated", "session-expired")
    assert office.sign_in(lost).status_code == 401
    for table in ("recovery_codes", "passkeys", "sessions"):
        assert office.identities.query(f"SELECT 1 FROM {table} WHERE user_id = ?", (lost.id,)) == []
    (row,) = office.market.books.database.query(
        "SELECT actor, reason FROM journal WHERE command = 'reset_second_factor'"
    )
    assert row == (office.operator.alias, REASON)
    link = pressed().json()["enrolment"]
    enrols(office, lost, link)
    assert office.sign_in(lost, password=NEW).status_code == 201
    # The first press again takes nothing away from who has enrolled since.
    assert code_of(pressed()) == "account-state"
    assert office.get(lost, "/v1/me").status_code == 200
    office.later(6)
    assert code_of(office.on(lost.alias, what, by=office.operator)) == "second-factor-required"


def pressed(office: Office, path: str, *, by: Someone, key: str, **body: object) -> httpx.Response:
    """A request under a key that may be sent again."""
    office.http.cookies.clear()
    headers = {"authorization": f"Bearer {by.token}", "idempotency-key": key}
    return office.http.post(path, headers=headers, json={"reason": REASON, **body})


def opens(office: Office, link: str) -> bool:
    return office.http.get(f"/v1/enrolments/{link.rpartition('/')[2]}").status_code == 200


@pytest.mark.rule("reset.invitation", "reset.handed-over")
def test_a_request_sent_again_has_its_secret_for_a_lost_answer_and_is_no_key_for_ever(office: Office) -> None:
    alias = office.post(office.admin, "/v1/users", role="buyer", reason=REASON).json()["alias"]
    path = f"/v1/users/{alias}/reset"
    first = pressed(office, path, by=office.admin, key="K0").json()["enrolment"]
    # The answer may have been lost: at once there is another, and then the limit of what is handed over.
    again = pressed(office, path, by=office.admin, key="K0").json()["enrolment"]
    assert not opens(office, first)
    assert code_of(pressed(office, path, by=office.admin, key="K0")) == "rate-limit-exceeded"
    assert code_of(pressed(office, path, by=office.admin, key="K1")) == "rate-limit-exceeded"
    assert opens(office, again)
    user = office.market.books.user_by_alias(alias)
    assert user is not None
    guest = Someone(user, name="Gloria Guest", recovery=[])
    enrols(office, guest, again)
    # Now the key would make a code for an active account; the limit is over before the first minutes are not.
    office.identities.execute("DELETE FROM reset_codes WHERE user_id = ?", (user.id,))
    refused = pressed(office, path, by=office.admin, key="K0")
    assert code_of(refused) == "account-state"
    assert "new key" in refused.json()["detail"]
    assert office.identities.query("SELECT 1 FROM reset_codes WHERE user_id = ?", (user.id,)) == []
    assert "code" in pressed(office, path, by=office.admin, key="K2").json()


def test_minutes_later_or_after_another_act_a_request_sent_again_leaves_what_was_handed_over(
    office: Office,
) -> None:
    invited = pressed(office, "/v1/users", by=office.admin, key="I0", role="buyer").json()
    path = f"/v1/users/{invited['alias']}/reset"
    first = pressed(office, path, by=office.admin, key="K0").json()["enrolment"]
    # The invitation's own key is older than that act: its answer comes without a link.
    assert "enrolment" not in pressed(office, "/v1/users", by=office.admin, key="I0", role="buyer").json()
    office.later(6)
    assert office.sign_in(office.admin).status_code == 201
    assert code_of(pressed(office, path, by=office.admin, key="K0")) == "account-state"
    assert opens(office, first)


def test_a_reset_of_a_second_factor_makes_no_link_by_an_old_key(office: Office) -> None:
    path = f"/v1/users/{office.admin.alias}/second-factor/reset"
    link = pressed(office, path, by=office.operator, key="F0").json()["enrolment"]
    office.later(6)
    assert office.sign_in(office.operator).status_code == 201
    assert code_of(pressed(office, path, by=office.operator, key="F0")) == "account-state"
    assert opens(office, link)


def test_a_role_is_given_again_by_its_key_without_a_new_link_minutes_later(office: Office) -> None:
    path = f"/v1/users/{office.trader.alias}/role"
    link = pressed(office, path, by=office.admin, key="R0", role="admin").json()["enrolment"]
    office.later(6)
    assert office.sign_in(office.admin).status_code == 201
    again = pressed(office, path, by=office.admin, key="R0", role="admin")
    assert again.status_code == 200
    assert "enrolment" not in again.json()
    assert opens(office, link)


@pytest.mark.rule("reset.invitation")
def test_a_lost_invitation_is_made_anew_and_the_old_link_ends(office: Office) -> None:
    invited = office.post(office.admin, "/v1/users", role="buyer", reason=REASON).json()
    alias, old = invited["alias"], invited["enrolment"].rpartition("/")[2]
    again = office.on(alias, "reset", by=office.operator)
    assert again.status_code == 201
    assert "code" not in again.json()
    assert office.http.get(f"/v1/enrolments/{old}").status_code == 404
    user = office.market.books.user_by_alias(alias)
    assert user is not None
    guest = Someone(user, name="Gloria Guest", recovery=[])
    enrols(office, guest, again.json()["enrolment"])
    assert office.sign_in(guest, password=NEW).status_code == 201


def test_the_phase_is_read_by_admins_and_set_by_the_operator(office: Office) -> None:
    assert office.get(office.admin, "/v1/phase").json()["phase"] == "production"
    assert code_of(office.get(office.trader, "/v1/phase")) == "invalid-role"
    assert code_of(office.post(office.admin, "/v1/phase", phase="pilot", reason=REASON)) == "invalid-role"
    assert office.post(office.operator, "/v1/phase", phase="pilot", reason=REASON).status_code == 200
    found = office.get(office.operator, "/v1/phase").json()
    assert (found["phase"], found["caps"]["admin"], found["active"]["admin"]) == ("pilot", 3, 2)


@pytest.mark.rule("refusal.counted")
def test_whoever_is_refused_at_the_door_is_counted_by_name_and_code(office: Office) -> None:
    def counted() -> dict[tuple[str, str], int]:
        rows = office.market.books.database.query(
            "SELECT actor, code, sum(count) FROM refusal_counts GROUP BY 1, 2"
        )
        return {(str(actor), str(code)): int(str(count)) for actor, code, count in rows}

    before = counted()
    for _ in range(3):
        assert office.post(office.trader, "/v1/users", role="admin", reason=REASON).status_code == 403
    assert office.get(office.admin, "/v1/wallet").status_code == 403
    # Whoever is not signed in has no name to count.
    assert office.get("nobody", "/v1/wallet").status_code == 401
    # Refused for its shape, or because there is no such thing, is refused all the same.
    assert office.post(office.admin, "/v1/users", role="admin").status_code == 422
    assert office.get(office.admin, "/v1/trace/20261124-101500-far-zzzzzz").status_code == 404
    # What the books refused they counted, and nobody counts it once more.
    assert office.on("tra_nobody", "suspension", by=office.admin).status_code == 404
    wanted = {
        (office.trader.alias, "not-admin"): 3,
        (office.admin.alias, "invalid-role"): 1,
        (office.admin.alias, "validation-failed"): 1,
        (office.admin.alias, "utid-not-found"): 1,
        (office.admin.alias, "user-not-found"): 1,
    }
    assert before == {}
    until(lambda: counted() == wanted, what="the refusals are counted")


@pytest.mark.rule("refusal.counted", "refusal.hits-bounded", "pace.says-when")
def test_whoever_goes_on_guessing_leaves_a_count_and_a_hit_that_the_watch_sees(office: Office) -> None:
    office.later(16)
    at = office.clock.now()
    for _ in range(10):
        assert office.sign_in(office.trader, password="wrong").status_code == 401
    throttled = [office.sign_in(office.trader, password="wrong") for _ in range(55)]
    said = throttled[-1].json()
    assert {answer.status_code for answer in throttled} == {429}
    assert (said["limit"], said["limit_max"], said["window_seconds"]) == ("sign-ins", 10, 900)
    left = as_instant(datetime.fromisoformat(said["resets_at"])) - office.clock.now()
    assert 0 < left <= 15 * MINUTE
    name = office.trader.alias

    def counted() -> dict[str, int]:
        rows = office.market.books.database.query(
            "SELECT code, sum(count) FROM refusal_counts WHERE actor = ? GROUP BY code", (name,)
        )
        return {str(code): int(str(count)) for code, count in rows}

    def hits() -> list[int]:
        rows = office.market.books.database.query(
            "SELECT count FROM rate_limit_hits WHERE actor = ? AND limit_name = 'sign-ins' ORDER BY id",
            (name,),
        )
        return [int(str(count)) for (count,) in rows]

    until(lambda: counted() == {"rate-limit-exceeded": 55}, what="the refusals are counted")
    until(lambda: len(hits()) >= 10, what="the first hits are rows")
    office.later(2)
    until(lambda: sum(hits()) == 55, what="the others are summed up")
    assert hits()[:10] == [1] * 10
    # A minute may turn between two of them; then there are two groups.
    assert len(hits()) <= 22
    (rate,) = (rate for rate in RATES if rate.name == "hits at the doors")
    reading = Reading(Views(office.data, system_id=office.system_id))
    seen = RateSign(rate).look(reading, read=0, told=0, limit=50, since=at, at=office.clock.now())
    reading.close()
    assert seen.passed is not None
    assert seen.passed > 50


@pytest.mark.rule("refusal.counted", "pace.resets")
def test_a_reset_code_too_many_a_guess_too_many_and_a_stale_second_factor_leave_their_traces(
    office: Office,
) -> None:
    def left(table: str, what: str) -> dict[tuple[str, str], int]:
        rows = office.market.books.database.query(
            f"SELECT actor, {what}, sum(count) FROM {table} GROUP BY 1, 2"
        )
        return {(str(actor), str(code)): int(str(count)) for actor, code, count in rows}

    for _ in range(resets.ISSUED_MAX):
        assert office.on(office.trader.alias, "reset", by=office.admin).status_code == 201
    assert office.on(office.trader.alias, "reset", by=office.admin).json()["limit"] == "reset-codes"
    for _ in range(3):
        assert code_of(office.reset(office.trader.alias, "wrong")) == "unauthenticated"
    assert office.reset(office.trader.alias, "wrong").json()["limit"] == "resets"
    office.later(6)
    assert code_of(office.on(office.trader.alias, "reset", by=office.admin)) == "second-factor-required"
    wanted = {(office.admin.alias, "reset-codes"): 1, (office.trader.alias, "resets"): 1}
    until(lambda: left("rate_limit_hits", "limit_name") == wanted, what="the hits are noted")
    counts = {
        (office.admin.alias, "rate-limit-exceeded"): 1,
        (office.trader.alias, "rate-limit-exceeded"): 1,
        (office.admin.alias, "second-factor-required"): 1,
    }
    until(lambda: left("refusal_counts", "code") == counts, what="the refusals are counted")
