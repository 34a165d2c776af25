"""Passwords: long ones, kept as argon2id, checked in the same time whether the account exists or not."""

from __future__ import annotations

import functools
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin.commonness import too_common
from watchkeeper.market.signin.contact import Contact

LENGTH_MIN = 15
BYTES_MAX = 1024
#: Each check takes 64 MiB; more of them at once would be a way to exhaust the machine.
_AT_ONCE = threading.BoundedSemaphore(2)
_WAIT_SECONDS_MAX = 10.0
_HASHER = PasswordHasher()


def _folded(password: str) -> str:
    return unicodedata.normalize("NFC", password)


def _bytes(password: str) -> bytes:
    # Half a surrogate pair is no character, but JSON can carry it; it must be wrong and not an error.
    return _folded(password).encode("utf-8", "surrogatepass")


def checked(password: str, *, alias: str, contact: Contact | None = None) -> str:
    """The password as it is kept, or `Refusal` validation-failed; no rule but length and not being common.

    `contact`: what the owner told of themselves; leave it out where the asker has not shown to be the owner.
    """
    text = _folded(password)
    if len(text) < LENGTH_MIN or len(_bytes(password)) > BYTES_MAX:
        raise Refusal(
            "validation-failed",
            f"Use a password of at least {LENGTH_MIN} characters; a few words do well.",
            field="password",
        )
    if too_common(text, alias=alias, contact=contact):
        raise Refusal(
            "validation-failed",
            "This password is soon guessed: it is made of what many people use, of a row of keys or numbers, or of your own "
            "name. Take four or more words of your own that do not belong together.",
            field="password",
        )
    return text


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
