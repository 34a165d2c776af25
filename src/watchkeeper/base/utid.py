"""Unique transaction ids: `20261123-140509-tra-4k9x2a`, one for every command that had an effect.

The time is Africa/Kampala's, the three letters are the acting role, the tail is six base-36
characters from the system's secure source. Two in one second can collide: whoever makes one
checks it against what exists and draws again before anything is written.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable

from watchkeeper.base.clock import KAMPALA, Instant, as_datetime

ROLE_LETTERS = {
    "farmer": "far",
    "trader": "tra",
    "buyer": "buy",
    "admin": "adm",
    "operator": "opr",
    "system": "sys",
}
_BASE36 = string.digits + string.ascii_lowercase
#: The form of a UTID, whole, as a regular expression that any schema understands.
UTID_FORM = r"^[0-9]{8}-[0-9]{6}-(far|tra|buy|adm|opr|sys)-[0-9a-z]{6}$"
#: With 36**6 tails a second that many collisions in a row mean a broken random source.
_DRAWS_MAX = 100


class RandomSourceBroken(RuntimeError):
    """The secure random source repeats itself; no identifier can be trusted."""


def base36(length: int) -> str:
    """That many base-36 characters from the secure source."""
    return "".join(secrets.choice(_BASE36) for _ in range(length))


def draw(*, role: str, at: Instant, taken: Callable[[str], bool]) -> str:
    """A UTID for an act of `role` at `at` that `taken` does not know yet."""
    stamp = as_datetime(at).astimezone(KAMPALA).strftime("%Y%m%d-%H%M%S")
    for _ in range(_DRAWS_MAX):
        utid = f"{stamp}-{ROLE_LETTERS[role]}-{base36(6)}"
        if not taken(utid):
            return utid
    raise RandomSourceBroken(RandomSourceBroken.__doc__)
