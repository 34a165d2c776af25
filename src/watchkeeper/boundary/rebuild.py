"""A gate anew, after the old one is lost: with every flip that the books know of, and everything engaged.

The lost file is kept beside it as evidence. The new one is complete before it takes the name, so a
crash in the middle leaves no gate, which stops everything, or the finished one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from watchkeeper.base.clock import Clock, as_datetime
from watchkeeper.base.database import create_sqlite
from watchkeeper.base.database.migrations import migrate
from watchkeeper.boundary.gate import Hold, Switch
from watchkeeper.boundary.switches import Flip, insert

#: The new gate begins so far above the books that no copy of an older one can be taken for it.
GENERATION_STEP = 1_000_000


def rebuild(
    path: Path, *, system_id: str, generation: int, flips: Sequence[Flip], clock: Clock
) -> Path | None:
    """Make the gate anew from its flips, oldest first; where the lost file lies now, None when there was none."""
    fresh = path.with_name(path.name + ".new")
    _remove(fresh)
    database = create_sqlite(fresh, journal="delete", synchronous="EXTRA")
    try:
        migrate(database, store="gate", clock=clock)
        with database.transaction("exclusive"):
            database.execute(
                "INSERT INTO gate (id, system_id, generation) VALUES (1, ?, ?)", (system_id, generation)
            )
            for flip in flips:
                insert(database, flip)
            database.execute_many(
                "INSERT INTO holds (switch, hold, utid) VALUES (?, ?, ?)",
                [(switch.value, hold.value, utid) for (switch, hold), utid in standing(flips).items()],
            )
    finally:
        database.close()
    lost = _set_aside(path, clock=clock)
    fresh.replace(path)
    _sync(path.parent)
    return lost


def standing(flips: Sequence[Flip]) -> dict[tuple[Switch, Hold], str]:
    """The holds that stand after these flips, each with the UTID that engaged it."""
    found: dict[tuple[Switch, Hold], str] = {}
    for flip in flips:
        if flip.action == "engage":
            found.setdefault((flip.switch, flip.hold), flip.utid)
        else:
            found.pop((flip.switch, flip.hold), None)
    return found


def _set_aside(path: Path, *, clock: Clock) -> Path | None:
    lost: Path | None = None
    stamp = as_datetime(clock.now()).strftime("%Y%m%d-%H%M%S")
    # The database first: a journal taken away from a database that keeps its name would leave half a change in it.
    # And the journal too: left behind, it would be played back into the new gate.
    for name in (path.name, f"{path.name}-journal"):
        old = path.with_name(name)
        if old.exists():
            kept = path.with_name(f"{name}.lost-{stamp}")
            old.replace(kept)
            lost = lost or kept
    _sync(path.parent)
    return lost


def _remove(path: Path) -> None:
    for name in (path.name, f"{path.name}-journal"):
        path.with_name(name).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
