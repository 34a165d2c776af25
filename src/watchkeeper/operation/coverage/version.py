"""Which version of the checks a proof is of: whatever makes that something is seen and stopped, to the byte.

A proof of another version says nothing about this one, so after an upgrade that touches them the drills run again.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import watchkeeper

#: The parts of the program that see and stop.
_PARTS = (
    "boundary",
    "bootstrap/full_pass.py",
    "bootstrap/watch.py",
    "migrations",
    "operation/authority.py",
    "operation/catalogue",
    "operation/containment",
    "operation/detectors",
    "operation/metrics",
    "operation/seals",
    "operation/verifier",
    "operation/cycle.py",
)
_DIGITS = 12


@cache
def version() -> str:
    """Twelve hexadecimal digits of the digest of these parts' sources."""
    root = Path(watchkeeper.__file__).resolve().parent
    found = hashlib.sha256()
    for part in _PARTS:
        place = root / part
        for path in sorted((*place.rglob("*.py"), *place.rglob("*.sql"))) if place.is_dir() else [place]:
            found.update(str(path.relative_to(root)).encode("utf-8") + b"\0")
            found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:_DIGITS]
