"""Passkeys: registered with a fresh second factor, good for one site, one account, one challenge and one count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.worlds.authenticator import PRESENT, Authenticator
from tests.worlds.books import digest_of_all
from tests.worlds.office import WORD, Office, Someone, code_of
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.bootstrap.market import site_of
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import challenges, enrolment, erasure, passkeys, site
from watchkeeper.market.signin.sign_in import ACCOUNT_ATTEMPTS_MAX

FRESH = "/v1/sessions/current/second-factor"


class Keyring(Office):
    """The office, and people with devices."""

    def device(self) -> Authenticator:
        return Authenticator(self.site.origin)

    def registered(self, person: Someone, device: Authenticator, *, name: str = "my phone") -> str:
        answer = self.register(person, device, name=name)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def register(
        self, person: Someone, device: Authenticator, *, name: str = "my phone", **bent: Any
    ) -> httpx.Response:
        options = self.options(person, "/v1/me/passkeys/options")
        return self.post(person, "/v1/me/passkeys", name=name, **device.create(options, **bent))

    def options(self, person: Someone, path: str) -> dict[str, Any]:
        answer = self.post(person, path)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def challenge(self, alias: str) -> dict[str, Any]:
        self.http.cookies.clear()
        answer = self.http.post("/v1/sessions/options", json={"alias": alias})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def enter_by(
        self, person: Someone, device: Authenticator, *, password: str = WORD, **bent: Any
    ) -> httpx.Response:
        answer = device.get(self.challenge(person.alias), **bent)
        return self.enter(person, password=password, passkey=answer)

    def refresh_by(self, person: Someone, device: Authenticator, **bent: Any) -> httpx.Response:
        return self.post(person, FRESH, passkey=device.get(self.options(person, f"{FRESH}/options"), **bent))

    def other_admin_signed_in(self) -> Someone:
        assert self.sign_in(self.other_admin).status_code == 201
        return self.other_admin

    def listed(self, person: Someone) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(person, "/v1/me/passkeys").json()["passkeys"]
        return found


@pytest.fixture
def office(data: Path) -> Iterator[Keyring]:
    found = Keyring(data)
    for person in (found.admin, found.operator, found.trader):
        assert found.sign_in(person).status_code == 201
    yield found
    found.close()


@pytest.mark.rule("factor.second")
def test_a_passkey_signs_in_and_refreshes_until_it_is_removed(office: Keyring) -> None:
    device = office.device()
    made = office.registered(office.admin, device)
    (shown,) = office.listed(office.admin)
    assert (shown["id"], shown["name"], shown["last_used_at"]) == (made, "my phone", None)
    assert office.enter_by(office.admin, device).status_code == 201
    assert office.get(office.admin, "/v1/sessions/current").json()["second_factor_fresh"] is True
    assert office.listed(office.admin)[0]["last_used_at"] is not None
    office.later(6)
    stale = office.post(office.admin, "/v1/me/passkeys/options")
    assert code_of(stale) == "second-factor-required"
    assert code_of(office.post(office.admin, f"/v1/me/passkeys/{made}/removal")) == "second-factor-required"
    assert office.refresh_by(office.admin, device).status_code == 200
    assert office.get(office.admin, "/v1/sessions/current").json()["second_factor_fresh"] is True
    assert office.on(office.trader.alias, "reset", by=office.admin).status_code == 201
    assert office.post(office.admin, f"/v1/me/passkeys/{made}/removal").status_code == 204
    assert office.listed(office.admin) == []
    assert code_of(office.enter_by(office.admin, device)) == "unauthenticated"
    assert code_of(office.refresh_by(office.admin, device)) == "second-factor-required"
    assert code_of(office.post(office.admin, f"/v1/me/passkeys/{made}/removal")) == "passkey-not-found"


def test_every_way_of_being_wrong_at_sign_in_has_the_same_answer(office: Keyring) -> None:
    device, stranger = office.device(), office.device()
    office.registered(office.admin, device)
    spent = device.get(office.challenge(office.admin.alias))
    assert office.enter(office.admin, passkey=spent).status_code == 201
    nobody = Someone(office.market.books.user(office.admin.id), name="", recovery=[])  # type: ignore[arg-type]
    nobody.alias = "adm_nobody"
    for_refresh = device.get(office.options(office.admin, f"{FRESH}/options"))
    for_another = device.get(office.challenge(office.other_admin.alias))
    damaged = device.get(office.challenge(office.admin.alias))
    damaged["signature"] = damaged["signature"][::-1]
    answers = [
        office.enter_by(nobody, device),
        office.enter_by(office.admin, device, password="wrong"),
        office.enter_by(office.admin, stranger),
        office.enter(office.admin, passkey=spent),
        office.enter(office.admin, passkey=for_refresh),
        office.enter(office.admin, passkey=for_another),
        office.enter(office.admin, passkey=damaged),
        office.enter_by(office.other_admin, device),
    ]
    # Another quarter of an hour, and attempts anew.
    office.later(16)
    answers += [
        office.enter_by(office.admin, device, origin="http://evil.example"),
        office.enter_by(office.admin, device, crossOrigin=True),
        office.enter_by(office.admin, device, site="evil.example"),
        office.enter_by(office.admin, device, flags=PRESENT),
        office.enter_by(office.admin, device, type="webauthn.create"),
        office.enter(office.admin, code="000000", passkey=device.get(office.challenge(office.admin.alias))),
        office.enter(office.admin),
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}
    assert code_of(answers[0]) == "unauthenticated"
    assert office.enter_by(office.admin, device).status_code == 201


def test_a_challenge_is_good_once_even_for_a_wrong_password_and_for_five_minutes(office: Keyring) -> None:
    device = office.device()
    office.registered(office.admin, device)
    answer = device.get(office.challenge(office.admin.alias))
    assert code_of(office.enter(office.admin, password="wrong", passkey=answer)) == "unauthenticated"
    assert code_of(office.enter(office.admin, passkey=answer)) == "unauthenticated"
    answer = device.get(office.challenge(office.admin.alias))
    office.clock.instant_offset += (challenges.LIFE_SECONDS + 1) * MICROSECONDS_PER_SECOND
    assert code_of(office.enter(office.admin, passkey=answer)) == "unauthenticated"
    assert office.enter_by(office.admin, device).status_code == 201
    rows = office.identities.query("SELECT count(*) FROM passkey_challenges")
    assert rows == [(0,)]


def test_a_copy_of_a_key_is_seen_by_its_count(office: Keyring) -> None:
    device = office.device()
    office.registered(office.admin, device)
    assert office.enter_by(office.admin, device).status_code == 201
    copied = device.count
    assert office.enter_by(office.admin, device).status_code == 201
    device.count = copied
    assert code_of(office.enter_by(office.admin, device)) == "unauthenticated"
    device.count = copied
    assert code_of(office.refresh_by(office.admin, device)) == "second-factor-required"
    device.count = copied + 10
    assert office.enter_by(office.admin, device).status_code == 201
    # One that does not count says nothing each time.
    plain = Authenticator(office.site.origin, counts=False)
    office.registered(office.admin, plain)
    for _ in range(2):
        assert office.enter_by(office.admin, plain).status_code == 201


@pytest.mark.rule("factor.fresh")
def test_a_second_factor_is_fresh_by_ones_own_passkey_in_the_session_that_asked(office: Keyring) -> None:
    device, others = office.device(), office.device()
    office.registered(office.admin, device)
    office.registered(office.operator, others)
    first = office.admin.token
    asked = device.get(office.options(office.admin, f"{FRESH}/options"))
    assert office.sign_in(office.admin).status_code == 201
    before = digest_of_all(office.data)
    wrong = [
        office.post(office.admin, FRESH, passkey=asked),
        office.post(office.operator, FRESH, passkey=asked),
    ]
    assert digest_of_all(office.data) == before
    assert office.post(first, FRESH, passkey=asked).status_code == 200
    office.later(6)
    wrong += [
        office.refresh_by(office.admin, others),
        office.refresh_by(office.admin, device, origin="http://evil.example"),
        office.refresh_by(office.admin, device, flags=PRESENT),
    ]
    assert {code_of(answer) for answer in wrong} == {"second-factor-required"}
    assert office.get(office.admin, "/v1/sessions/current").json()["second_factor_fresh"] is False
    for both_or_none in ({}, {"code": "000000", "passkey": asked}):
        assert code_of(office.post(office.admin, FRESH, **both_or_none)) == "validation-failed"
    allowed = office.options(office.admin, f"{FRESH}/options")["allowCredentials"]
    assert [entry["id"] for entry in allowed] == [asked["credential_id"]]
    assert code_of(office.post(first, FRESH, passkey=asked)) == "second-factor-required"


def test_what_is_no_new_passkey_for_this_site_is_not_kept(office: Keyring) -> None:
    device, other = office.device(), office.device()
    office.registered(office.admin, device)
    known = office.listed(office.admin)
    options = office.options(office.other_admin_signed_in(), "/v1/me/passkeys/options")
    mine = office.options(office.admin, "/v1/me/passkeys/options")
    assert mine["authenticatorSelection"]["userVerification"] == "required"
    assert mine["authenticatorSelection"]["residentKey"] == "required"
    assert [entry["id"] for entry in mine["excludeCredentials"]] == [device.create(mine)["credential_id"]]
    damaged = other.create(mine)
    damaged["attestation"] = "oWNmbXRkbm9uZQ"
    refused = [
        office.register(office.admin, other, origin="http://evil.example"),
        office.register(office.admin, other, crossOrigin=True),
        office.register(office.admin, other, site="evil.example"),
        office.register(office.admin, other, flags=PRESENT),
        office.register(office.admin, other, type="webauthn.get"),
        office.register(office.admin, other, name=" "),
        office.post(office.admin, "/v1/me/passkeys", name="x", **other.create(options)),
        office.post(office.admin, "/v1/me/passkeys", name="x", **damaged),
        office.post(office.admin, "/v1/me/passkeys", name="x", **other.create(mine)),
        # The same device again, on either account.
        office.register(office.admin, device),
        office.register(office.other_admin, device),
    ]
    assert [code_of(answer) for answer in refused] == ["validation-failed"] * len(refused)
    assert office.listed(office.admin) == known
    assert office.listed(office.other_admin) == []
    assert code_of(office.get(office.trader, "/v1/me/passkeys")) == "invalid-role"
    assert code_of(office.post(office.trader, "/v1/me/passkeys/options")) == "invalid-role"
    own = known[0]["id"]
    assert code_of(office.post(office.other_admin, f"/v1/me/passkeys/{own}/removal")) == "passkey-not-found"


def test_the_last_second_factor_is_not_removed(office: Keyring) -> None:
    first = office.registered(office.admin, office.device())
    second = office.registered(office.admin, office.device())
    with office.identities.transaction("write"):
        office.identities.execute(
            "UPDATE credentials SET totp_secret = NULL WHERE user_id = ?", (office.admin.id,)
        )
    user = office.market.books.user(office.admin.id)
    assert user is not None
    assert office.post(office.admin, f"/v1/me/passkeys/{first}/removal").status_code == 204
    last = office.post(office.admin, f"/v1/me/passkeys/{second}/removal")
    assert (last.status_code, code_of(last)) == (409, "account-state")
    assert [passkey["id"] for passkey in office.listed(office.admin)] == [second]
    assert not enrolment.lacks_factor(office.identities, user)


def test_there_are_bounds_to_passkeys_challenges_and_attempts(office: Keyring) -> None:
    for number in range(passkeys.PER_ACCOUNT_MAX):
        office.registered(office.admin, office.device(), name=f"key {number}")
    assert code_of(office.register(office.admin, office.device())) == "account-state"
    assert len(office.listed(office.admin)) == passkeys.PER_ACCOUNT_MAX
    for _ in range(challenges.PER_ASKER_MAX):
        office.challenge("adm_nobody")
    before = digest_of_all(office.data)
    full = office.http.post("/v1/sessions/options", json={"alias": office.admin.alias})
    assert (full.status_code, code_of(full)) == (429, "rate-limit-exceeded")
    assert 0 < int(full.headers["retry-after"]) <= challenges.LIFE_SECONDS
    assert digest_of_all(office.data) == before
    office.later(16)
    stranger = office.device()
    for _ in range(ACCOUNT_ATTEMPTS_MAX):
        assert code_of(office.enter_by(office.admin, stranger)) == "unauthenticated"
    throttled = office.http.post("/v1/sessions/options", json={"alias": office.admin.alias})
    assert code_of(throttled) == "rate-limit-exceeded"
    assert code_of(office.sign_in(office.admin)) == "rate-limit-exceeded"


def test_a_suspended_account_does_not_enter_and_a_deleted_one_leaves_no_key(office: Keyring) -> None:
    device = office.device()
    office.other_admin_signed_in()
    office.registered(office.other_admin, device, name="Distinctive key")
    asked = device.get(office.options(office.other_admin, f"{FRESH}/options"))
    assert office.on(office.other_admin.alias, "suspension", by=office.admin).status_code == 200
    assert code_of(office.enter_by(office.other_admin, device)) == "unauthenticated"
    assert code_of(office.post(office.other_admin, FRESH, passkey=asked)) == "session-expired"
    assert office.on(office.other_admin.alias, "unsuspension", by=office.admin).status_code == 200
    assert office.enter_by(office.other_admin, device).status_code == 201
    office.challenge(office.other_admin.alias)
    assert office.on(office.other_admin.alias, "deletion", by=office.admin).status_code == 200
    for table in ("passkeys", "passkey_challenges"):
        assert table in erasure.TABLES
        left = office.identities.query(f"SELECT 1 FROM {table} WHERE user_id = ?", (office.other_admin.id,))
        assert left == []
    assert code_of(office.enter_by(office.other_admin, device)) == "unauthenticated"


def test_the_site_is_what_the_operator_says_and_nothing_that_a_request_says(office: Keyring) -> None:
    device = office.device()
    office.registered(office.admin, device)
    headers = {"host": "evil.example", "origin": "http://evil.example"}
    options = office.http.post(
        "/v1/sessions/options", json={"alias": office.admin.alias}, headers=headers
    ).json()
    assert options["rpId"] == "localhost"
    body = {"alias": office.admin.alias, "password": WORD, "passkey": device.get(options)}
    device.origin = "http://evil.example"
    lured = body | {"passkey": device.get(options)}
    assert office.http.post("/v1/sessions", json=lured, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://Market.Example.org", site.Site("market.example.org", "https://market.example.org")),
        ("https://market.example.org:443/", site.Site("market.example.org", "https://market.example.org")),
        ("https://m.example.org:8443", site.Site("m.example.org", "https://m.example.org:8443")),
        ("http://localhost:8700", site.local(8700)),
    ],
)
def test_a_public_address_is_a_site_of_its_own(address: str, found: site.Site, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(f'[market]\npublic_address = "{address}"\n')
    assert site.configured(tmp_path, port=1) == found


@pytest.mark.parametrize(
    "address",
    ["market.example.org", "http://market.example.org", "https://127.0.0.1", "https://[::1]", "https://a@b.example",
     "https://m.example.org/path", "https://m.example.org?x", "https://m.example.org:99999", "https://", "https://[x"],
)  # fmt: skip
def test_a_public_address_that_cannot_be_one_is_refused(address: str, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(f'[market]\npublic_address = "{address}"\n')
    with pytest.raises(SettingsWrong, match="public_address"):
        site.configured(tmp_path, port=1)


def test_without_settings_the_site_is_this_machine(tmp_path: Path) -> None:
    assert site.configured(tmp_path, port=8701) == site.Site("localhost", "http://localhost:8701")


def test_a_mistake_in_the_address_takes_passkeys_away_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('[market]\npublic_adress = "https://market.example.org"\n')
    found = site_of(tmp_path, port=8700)
    assert found == site.NOWHERE
    with pytest.raises(Refusal) as refused:
        passkeys.check_offered(found)
    assert (refused.value.code, "Use the six digits" in refused.value.detail) == ("capability-blocked", True)
    (tmp_path / "settings.toml").write_text('[market]\npublic_address = "https://market.example.org"\n')
    assert site_of(tmp_path, port=8700).name == "market.example.org"
