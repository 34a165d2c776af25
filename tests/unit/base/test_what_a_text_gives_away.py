"""Amounts and ways to reach somebody are seen in whatever form they come, and ordinary business is let through."""

from __future__ import annotations

import pytest

from watchkeeper.base import disclosure


@pytest.mark.parametrize(
    "text",
    [
        "pay 500 shillings", "UGX500", "5 000/=", "\uff15\uff10\uff10 shs", "12,500", "1.500", "1500/kg", "1500 /kg",
        "25k per bag", "25 k", "1500 bob", "shs 1500", "1,500/=", "1500/=", "Ksh 40", "$5 each", "5 \u20ac", "beans @ 1500",
        "1500 today", "fifteen hundred per kilo", "two thousand a bag", "25 each", "UG\u200bX 500", "ug\u00adx 7",
        "\u0661\u0665\u0660\u0660 shs", "500 for a bag", "prices: seven", "the fee is 5",
    ],
)  # fmt: skip
def test_an_amount_is_seen_in_whatever_form_it_comes(text: str) -> None:
    assert disclosure.speaks_of_money(text)


@pytest.mark.parametrize(
    "text",
    [
        "The store opens at 9 tomorrow", "Each block has 100 kg", "A lot loses 0.5 kg a day for each 100 kg", "1500 kg of beans",
        "on 2026-11-30 at 08:00", "30/11/2026 14:05", "20261123-140509-tra-4k9x2a is late", "Block 1012 is ready", "In 2026",
        "Please answer each other.", "15 bags for 3 buyers", "Closed from 2 to 4.", "Prices are not told here.",
        "The gate is 1500 m away", "incident INC-20261126-140509",
    ],
)  # fmt: skip
def test_what_a_buyer_is_told_every_day_is_no_amount(text: str) -> None:
    assert not disclosure.speaks_of_money(text)


@pytest.mark.parametrize(
    "text",
    [
        "call +256 700 123456", "0700-123-456", "0772123456", "tel0772123456", "+256(0)772-123.456", "0772,123,456",
        "0772\u200b123456", "\u0660\u0667\u0667\u0662\u0661\u0662\u0663\u0664\u0665\u0666", "0772\u2013123\u2013456",
        "256772123456", "write to a@b.ug", "a\uff20b.ug", "grace @ example.org", "grace (at) example.org",
        "grace[at]example.org", "gra\u200bce@example.org",
    ],
)  # fmt: skip
def test_a_way_to_reach_somebody_is_seen_in_whatever_form_it_comes(text: str) -> None:
    assert disclosure.names_somebody(text)


@pytest.mark.parametrize(
    "text",
    [
        "20261123-140509-tra-4k9x2a was late", "incident INC-20261126-140509, finding 12", "since 2026-11-26 14:05:09",
        "on 26.11.2026 14:05", "on 26/11/2026 14:05:09", f"digest {'a1' * 32}", "units 101, 102, 103", "1,000,000 shillings",
        "beans @ 1500", "2026-11-26T14:05:09.123456Z", "far_0k9x2a was late", "at the gate",
    ],
)  # fmt: skip
def test_what_a_reason_names_every_day_is_nobody(text: str) -> None:
    assert not disclosure.names_somebody(text)


def test_an_address_is_told_from_a_number() -> None:
    assert disclosure.holds_mail("grace@example.org")
    assert not disclosure.holds_mail("0772 123456")
