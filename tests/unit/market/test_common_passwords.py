"""Common passwords: what anyone would try first is refused wherever a password is set, and a refusal writes nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds.books import digest_of_all
from tests.worlds.office import WORD, Office, code_of
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import passwords
from watchkeeper.market.signin.contact import Contact
from watchkeeper.market.signin.passwords import LENGTH_MIN

ALIAS = "tra_a3k9x2"
OWNER = Contact(name="Nakimuli Zawedde", phone="+256 700 123456", email="n.zawedde@example.org")
#: Among the first thousand of every published list.
COMMON = (
    "password",
    "123456",
    "qwerty",
    "iloveyou",
    "monkey",
    "dragon",
    "letmein",
    "football",
    "abc123",
    "sunshine",
)


def refused(password: str) -> str:
    """The field and the words of the refusal; fails when the password is taken."""
    with pytest.raises(Refusal) as found:
        passwords.checked(password, alias=ALIAS, contact=OWNER)
    assert found.value.code == "validation-failed"
    assert found.value.field == "password"
    return found.value.detail


def taken(password: str) -> bool:
    """Whether the password is taken; anything but a refusal gets out."""
    try:
        passwords.checked(password, alias=ALIAS, contact=OWNER)
    except Refusal:
        return False
    return True


@pytest.mark.rule("password.long")
@pytest.mark.parametrize("password", ["fourteen chars", "", "x" * 1025, "漢" * 500])
def test_a_password_has_a_least_and_a_greatest_length(password: str) -> None:
    assert "at least 15 characters" in refused(password)


@pytest.mark.rule("password.long")
@pytest.mark.parametrize(
    "password",
    [
        # Common ones strung together, whatever stands between or in the place of letters.
        "passwordpassword",
        "password1password2password3",
        "p@$$w0rdp@$$w0rd",
        "p a s s w o r d p a s s w o r d",
        "drowssapdrowssap",
        "iloveyou1234567890",
        "Welcome123456789",
        "footballbaseball",
        "letmeinletmein123",
        "correcthorsebatterystaple",
        "Farm2Market-Uganda-2026",
        "farm2marketuganda",
        "kampalakampala2026",
        # Walks over the keyboard, sequences, repetitions.
        "qwertyuiopasdfgh",
        "1qaz2wsx3edc4rfv",
        "!@#$%^&*()_+!@#",
        "123456789012345",
        "abcdefghijklmnop",
        "20242025202620272028",
        "aaaaaaaaaaaaaaa",
        "abcabcabcabcabcabc",
        # The same in other clothes.
        "PASSWORDPASSWORD",
        "ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ",
        "𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐝𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐝",
        # What the account itself says.
        "tra_a3k9x2 tra_a3k9x2",
        "TRA-A3K9X2-mango",
        "Nakimuli Zawedde 2026",
        "zawedde1990nakimuli",
        "0700123456 0700123456",
        "+256700123456!!",
        "n.zawedde@example.org",
    ],
)
def test_what_anyone_would_try_is_refused_with_what_to_do_instead(password: str) -> None:
    assert "Take four or more words of your own" in refused(password)


@pytest.mark.rule("password.long")
@pytest.mark.parametrize(
    "password",
    [
        WORD,
        "blue kingfisher by the Nile",
        "ekyalo kyaffe kirungi nnyo",
        "my mother sells maize in Gulu",
        "漢字だけのとても長い合言葉をここに書く",
        "x7Kq2vLp9wRt4zB",
        "839201847561023",
        "Nakimuli counts grey herons over lake water",
    ],
)
def test_any_long_phrase_is_a_password(password: str) -> None:
    kept = passwords.checked(password, alias=ALIAS, contact=OWNER)
    assert passwords.matches(passwords.hashed(kept), password)


@given(
    words=st.lists(st.sampled_from(COMMON), min_size=1, max_size=2),
    between=st.sampled_from(["", " ", "-", "_", "."]),
    shout=st.booleans(),
    end=st.sampled_from(["", "1", "!", "123"]),
)
@settings(deadline=None, max_examples=60, database=None)
def test_two_common_passwords_and_their_repetitions_make_a_common_one(
    words: list[str], between: str, shout: bool, end: str
) -> None:
    chain = list(words)
    while len("".join(chain)) < LENGTH_MIN:
        chain += words
    password = between.join(chain) + end
    refused(password.upper() if shout else password)


@given(st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=24, max_size=24))
@settings(deadline=None, max_examples=60, database=None)
def test_a_password_of_its_own_letters_is_judged_the_same_in_any_case_and_spacing(letters: str) -> None:
    assert taken(letters) == taken(letters.upper())
    # Breaking it up never makes of a common one another.
    assert taken(letters) or not taken("-".join(letters))


@given(st.text(min_size=0, max_size=1100))
@settings(deadline=None, max_examples=80, database=None)
def test_whatever_is_entered_is_taken_or_refused(password: str) -> None:
    # Nothing but a refusal gets out, and what is taken once is taken as it is kept.
    assert not taken(password) or taken(unicodedata.normalize("NFC", password))


@pytest.fixture
def office(data: Path) -> Iterator[Office]:
    found = Office(data)
    for person in (found.admin, found.trader):
        assert found.sign_in(person).status_code == 201
    yield found
    found.close()


def test_enrolment_reset_and_change_refuse_alike_and_write_nothing(office: Office) -> None:
    newcomer = office.post(office.admin, "/v1/users", role="farmer", reason="somebody new for this test")
    link = newcomer.json()["enrolment"].rpartition("/")[2]
    code = office.on(office.trader.alias, "reset", by=office.admin).json()["code"]
    before = digest_of_all(office.data)
    # What the account's owner is called counts where it is known who asks.
    for password in ("passwordpassword", "Nakimuli Zawedde 2026"):
        person = {"name": "Nakimuli Zawedde", "phone": "+256 799 000 000", "password": password}
        asked = (
            office.http.post(f"/v1/enrolments/{link}", json=person),
            office.reset(office.trader.alias, code, password),
            office.post(office.trader, "/v1/me/password", old_password=WORD, password=password),
        )
        for answer in asked:
            assert (answer.status_code, code_of(answer)) == (422, "validation-failed")
            assert answer.json()["errors"][0]["field"] == "password"
            assert password not in answer.text
    assert digest_of_all(office.data) == before
    assert office.sign_in(office.trader).status_code == 201
    assert office.reset(office.trader.alias, code).status_code == 200


def test_without_the_code_nobody_learns_what_a_person_is_called(office: Office) -> None:
    said = {
        (answer.status_code, answer.text)
        for password in ("Nakimuli Zawedde 2026", WORD)
        for answer in [office.reset(office.trader.alias, "wrong", password)]
    }
    assert len(said) == 1
