"""Checkpoints as the seals make them, for tests: only their form matters here."""

from __future__ import annotations

import base64
import hashlib


def checkpoint(size: int, *, fork: str = "", origin: str = "sys_k4n8/main") -> str:
    """A checkpoint of a log with that many leaves."""
    root = base64.b64encode(hashlib.sha256(f"{size}{fork}".encode()).digest()).decode()
    return f"{origin}\n{size}\n{root}\n\n\u2014 {origin} {base64.b64encode(b'x' * 68).decode()}\n"
