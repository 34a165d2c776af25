"""Which gate stands in front of a data folder's books."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.base.database import Role, engine_of
from watchkeeper.boundary.gatebarrier import GateBarrier
from watchkeeper.boundary.gatefile import GateFile
from watchkeeper.boundary.gatestore import Gate


def open_gate(data: Path, *, system_id: str, role: Role, vfs: str | None = None) -> Gate:
    """The gate in front of these books, for one thread; it is opened when it is first used.

    `role`: market for those who pass and for an admin's switches, control for those who restrict.
    """
    if engine_of(data) == "postgresql":
        return GateBarrier(data, system_id=system_id, role=role)
    return GateFile(data, system_id=system_id, vfs=vfs)
