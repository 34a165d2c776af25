"""Tokens that open something: drawn from the secure source, kept only as a digest."""

from __future__ import annotations

import hashlib
import secrets


def draw() -> str:
    """A new token of 256 bits."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is stored of a token. It has full entropy, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
