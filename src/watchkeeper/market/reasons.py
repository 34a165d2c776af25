"""Reasons that people give for acts of authority: long enough to mean something, no stock phrase, and nobody named in them.

A reason stands in the journal and in the seals for as long as they are kept; what is in it can never be erased.
"""

from __future__ import annotations

import unicodedata

from watchkeeper.base import disclosure
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
    """The reason, trimmed; `Refusal` validation-failed when it says nothing, or where somebody can be reached."""
    text = " ".join(unicodedata.normalize("NFC", reason).split())
    if not LENGTH_MIN <= len(text) <= LENGTH_MAX:
        raise Refusal(
            "validation-failed",
            f"Say why in {LENGTH_MIN} to {LENGTH_MAX} characters.",
            field="reason",
        )
    if text.casefold().strip(" .!?-") in _STOCK_PHRASES or len(set(text.casefold()) - {" "}) < 4:
        raise Refusal("validation-failed", "Say why in your own words.", field="reason")
    if disclosure.names_somebody(text):
        raise Refusal(
            "validation-failed",
            "A reason is kept for ever: leave telephone numbers and e-mail addresses out, and name people by their alias.",
            field="reason",
        )
    return text
