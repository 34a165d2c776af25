"""Checkpoints of the seals as the incident repository keeps them: a witness that a log only grows."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: The logs whose checkpoints are kept.
LOGS = ("main", "side")
FOLDER = "seals"
_CHARACTERS_MAX = 4_096
_FORM = re.compile(
    r"(?P<origin>[^\n]{1,200})\n(?P<size>0|[1-9][0-9]{0,18})\n(?P<root>[A-Za-z0-9+/]{43}=)\n"
    r"(?:[^\n]+\n)*\n(?:\u2014 [^\n]+\n)+"
)


class CheckpointMalformed(ValueError):
    """This is no checkpoint: a signed note with origin, size and root hash."""


class CheckpointWentBack(Exception):
    """A log's checkpoint is smaller than one already kept, or says something else at the same size."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: which log, how many leaves, and their root hash."""

    origin: str
    size: int
    root: str
    text: str


def read(text: str) -> Checkpoint:
    """Take a checkpoint apart, its signatures unchecked; raises `CheckpointMalformed`."""
    match = _FORM.fullmatch(text) if len(text) <= _CHARACTERS_MAX else None
    if match is None:
        raise CheckpointMalformed(CheckpointMalformed.__doc__)
    return Checkpoint(match["origin"], int(match["size"]), match["root"], text)


def goes_on(later: Checkpoint, *, earlier: Checkpoint) -> bool:
    """Whether `later` has more to say; raises `CheckpointWentBack`, or if it is another log's."""
    if later.origin != earlier.origin or later.size < earlier.size:
        raise CheckpointWentBack(CheckpointWentBack.__doc__)
    if later.size == earlier.size and later.root != earlier.root:
        raise CheckpointWentBack(CheckpointWentBack.__doc__)
    return later.size > earlier.size


def path_of(log: str) -> str:
    """Where the repository keeps the newest checkpoint of this log."""
    if log not in LOGS:
        msg = f"no such log: {log}"
        raise ValueError(msg)
    return f"{FOLDER}/{log}.checkpoint"
