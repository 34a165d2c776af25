"""Passwords: long ones, kept as argon2id, checked in the same time whether the account exists or not."""

from __future__ import annotations

import functools
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from watchkeeper.market.refusals import Refusal

LENGTH_MIN = 15
BYTES_MAX = 1024
#: Each check takes 64 MiB; more of them at once would be a way to exhaust the machine.
_AT_ONCE = threading.BoundedSemaphore(2)
_WAIT_SECONDS_MAX = 10.0
_HASHER = PasswordHasher()

_COMMON_STEMS = (
    "password", "passw0rd", "qwertyuiop", "asdfghjkl", "zxcvbnm", "letmein", "iloveyou", "welcome", "farm2market",
    "watchkeeper", "uganda", "kampala", "administrator", "changeme", "secret", "abcdefghijklmnop", "0123456789",
    "1234567890", "9876543210", "correcthorsebatterystaple", "trustno1", "sunshine", "football", "princess",
)  # fmt: skip


def _folded(password: str) -> str:
    return unicodedata.normalize("NFC", password)


def _bytes(password: str) -> bytes:
    # Half a surrogate pair is no character, but JSON can carry it; it must be wrong and not an error.
    return _folded(password).encode("utf-8", "surrogatepass")


def checked(password: str, *, alias: str) -> str:
    """The password as it is kept, or `Refusal` validation-failed; no rule but length and not being common."""
    text = _folded(password)
    if len(text) < LENGTH_MIN or len(_bytes(password)) > BYTES_MAX:
        raise Refusal(
            "validation-failed",
            f"Use a password of at least {LENGTH_MIN} characters; a few words do well.",
            field="password",
        )
    if _is_common(text.casefold(), alias=alias):
        raise Refusal(
            "validation-failed",
            "This password is among the first that anyone would try. Take a few words of your own.",
            field="password",
        )
    return text


def _is_common(text: str, *, alias: str) -> bool:
    letters = "".join(character for character in text if character.isalnum())
    if len(set(letters)) < 5 or alias in text:
        return True
    rest = letters
    for stem in sorted((*_COMMON_STEMS, alias.replace("_", "")), key=len, reverse=True):
        rest = rest.replace(stem, "")
    # What is left when everything usual is taken out has to carry the password.
    stripped = rest.strip("0123456789")
    return len(stripped) < 4


def hashed(password: str) -> str:
    """The argon2id hash that is stored."""
    with _Turn():
        return _HASHER.hash(_bytes(password))


def matches(stored: str | None, password: str) -> bool:
    """Whether the password is right; without a stored hash it takes as long and is wrong."""
    with _Turn():
        try:
            return _HASHER.verify(stored or _nobody(), _bytes(password)) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


@functools.cache
def _nobody() -> str:
    return _HASHER.hash("nobody has this password")


class _Turn:
    """One of the few checks that may run at once."""

    def __enter__(self) -> None:
        if not _AT_ONCE.acquire(timeout=_WAIT_SECONDS_MAX):
            raise Refusal(
                "busy", "Too many people sign in right now. Try again in a moment.", retry_after_seconds=5
            )

    def __exit__(self, *_: object) -> None:
        _AT_ONCE.release()
