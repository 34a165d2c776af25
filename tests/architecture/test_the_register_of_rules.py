"""Every rule of the market has a test that names it, and whatever a test names is a rule."""

from __future__ import annotations

import re

import pytest

from tests import rules


def test_every_rule_has_a_test_and_every_mark_names_a_rule() -> None:
    page, marked = rules.of_the_page(), rules.marked()
    assert [name for name in page if name not in marked] == [], "rules without a test"
    assert sorted(set(marked) - set(page)) == [], "marks that name no rule"


def test_a_mark_stands_on_what_pytest_runs() -> None:
    helpers = {
        place for places in rules.marked().values() for place in places if "::test_" not in place
    }  # fmt: skip
    assert helpers == set()


@pytest.mark.parametrize(
    "line", ["- exposure.limit: No marks.", "- `exposure`: No part.", "- `a.b`: One.\n- `a.b`: Twice."]
)
def test_a_page_that_cannot_be_read_is_no_register(line: str) -> None:
    with pytest.raises(rules.PageUnreadable):
        rules.of_the_page(line)


def test_the_register_is_found_from_the_pages_that_one_reads_first() -> None:
    for name in ("ARCHITECTURE.md", "CONTRIBUTING.md"):
        assert "docs/market-rules.md" in (rules.PAGE.parent.parent / name).read_text(encoding="utf-8")


def test_the_numbers_on_the_page_are_those_of_the_product() -> None:
    from watchkeeper.market import pace
    from watchkeeper.market.listings import naming
    from watchkeeper.market.listings.rules import UNIT_GRAMS
    from watchkeeper.market.locks.rules import EXPOSURE_UGX_MAX
    from watchkeeper.market.signin import passwords, resets, sessions, sign_in
    from watchkeeper.market.users.rules import PILOT_CAPS

    page = rules.of_the_page()

    def numbers(rule: str) -> list[int]:
        return [int(text.replace(",", "")) for text in re.findall(r"\d[\d,]*\d|\d", page[rule])]

    assert set(numbers("exposure.limit")) == {EXPOSURE_UGX_MAX}
    assert numbers("listing.weight") == [UNIT_GRAMS // 1000]
    assert numbers("listing.named") == [naming.WORDS_MAX, naming.LENGTH_MAX]
    assert numbers("account.pilot-caps") == [
        PILOT_CAPS[role] for role in ("farmer", "trader", "buyer", "admin")
    ]
    for limit in pace.LIMITS:
        said = numbers(f"pace.{limit.name}")
        assert said[0] == limit.accepted_max
        assert said[1:] in ([], [limit.window_seconds // 3600])
    assert numbers("pace.sign-in") == [
        sign_in.ACCOUNT_ATTEMPTS_MAX,
        sign_in.ACCOUNT_SECONDS // 60,
        sign_in.ADDRESS_ATTEMPTS_MAX,
    ]
    assert numbers("pace.resets") == [resets.ISSUED_MAX, sign_in.RESETS_MAX]
    assert numbers("password.long") == [passwords.LENGTH_MIN]
    assert numbers("session.ends") == [sessions.LIFE_SECONDS // 3600]
