"""Reasons that people give for acts of authority: long enough to mean something, and no stock phrase."""

from __future__ import annotations

import unicodedata

from watchkeeper.market.refusals import Refusal

LENGTH_MIN = 10
LENGTH_MAX = 500
_STOCK_PHRASES = frozenset(
    {
        "no reason",
        "not applicable",
        "as discussed",
        "as requested",
        "because i said so",
        "test test test",
        "asdfasdfasdf",
        "lorem ipsum",
        "see above",
        "none given",
        "business reasons",
        "administrative reasons",
        "for the record",
    }
)


def checked(reason: str) -> str:
    """The reason, trimmed; `Refusal` validation-failed when it says nothing."""
    text = " ".join(unicodedata.normalize("NFC", reason).split())
    if not LENGTH_MIN <= len(text) <= LENGTH_MAX:
        raise Refusal(
            "validation-failed",
            f"Say why in {LENGTH_MIN} to {LENGTH_MAX} characters.",
            field="reason",
        )
    if text.casefold().strip(" .!?-") in _STOCK_PHRASES or len(set(text.casefold()) - {" "}) < 4:
        raise Refusal("validation-failed", "Say why in your own words.", field="reason")
    return text
