"""Detectors of what the system stands on: switches that bite, a write into the books, room on the disk, ages of copies."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import DatabaseError
from watchkeeper.boundary.lease import PROBE_SECONDS_MAX, LeaseStore, ProbeRow
from watchkeeper.operation.catalogue.signs.model import Sign
from watchkeeper.operation.catalogue.threats import AWAITED
from watchkeeper.operation.detectors.model import QUIET, SEEN, UNKNOWN, Gone, Look, Plain, Post

BITES, DISK = "switch does not bite", "disk nearly full"
NOT_PROVED = "no write into the books was proved lately"
_EVERY_SECONDS = 1.0
_MIB = 1024 * 1024


class SwitchProbes(Plain):
    """Switches that are engaged and do not refuse what they must."""

    name = "switch probes"
    every_seconds = _EVERY_SECONDS

    def look(self, post: Post, _: Mapping[str, int]) -> Look:
        """Read the last probe of each switch; an old one ends nothing."""
        signs: list[Sign] = []
        gone: list[Gone] = []
        old: list[str] = []
        probes = post.lease.probes()
        for probe in probes:
            scope = f"switch:{probe.switch}"
            if not probe.bites:
                signs.append(
                    Sign(BITES, scope, "it is engaged, and a command that it must refuse was not refused")
                )
            elif _fresh(probe, clock=post.clock):
                gone.append(Gone(BITES, scope, "a fresh probe was refused as it must be"))
            else:
                old.append(probe.switch)
        state = SEEN if signs else UNKNOWN if old or not probes else QUIET
        detail = "every switch was probed lately"
        if signs:
            detail = f"{signs[0].scope}: {signs[0].detail}"
        elif state == UNKNOWN:
            detail = f"the last probe of {', '.join(old)} is old" if old else "no switch was probed yet"
        return Look(state=state, detail=detail, value=len(signs), value_max=0, signs=signs, gone=gone)


def _fresh(probe: ProbeRow, *, clock: Clock) -> bool:
    age = clock.boot().seconds_since(probe.probed)
    return age is not None and age <= PROBE_SECONDS_MAX


def write_trouble(lease: LeaseStore, *, clock: Clock, seconds_max: int) -> str:
    """What the last write probe says against writing; empty when it succeeded lately or none was ever made.

    Raises `DatabaseError`.
    """
    probe = lease.write_probe()
    if probe is None:
        return ""
    if not probe.works:
        return f"the books cannot be written: {probe.detail}"
    age = clock.boot().seconds_since(probe.probed)
    if age is None or age > seconds_max:
        return NOT_PROVED
    return ""


def disk_trouble(data: Path, *, free_mib: int) -> str:
    """What the data folder's disk says against writing; empty when it has room. Raises `OSError`."""
    free = room_mib(data)
    return (
        f"{free:,} MiB are free on the data folder's disk; {free_mib:,} are needed" if free < free_mib else ""
    )


def room_mib(data: Path) -> int:
    """How much room there is for us on the data folder's disk. Raises `OSError`."""
    found = os.statvfs(data)
    return found.f_bavail * found.f_frsize // _MIB


class FreeSpace(Plain):
    """Room on the disk of the data folder."""

    name = "free space"
    every_seconds = 5.0

    def look(self, post: Post, _: Mapping[str, int]) -> Look:
        """Ask the file system."""
        needed = post.thresholds["free_mib"]
        try:
            free = room_mib(post.data)
        except OSError as error:
            raise DatabaseError(f"the data folder's disk cannot be asked: {error}") from error
        words = disk_trouble(post.data, free_mib=needed)
        return Look(
            state=SEEN if words else QUIET,
            detail=words or f"{free:,} MiB are free",
            value=free,
            value_max=needed,
            signs=[Sign(DISK, "everything", words)] if words else (),
            gone=() if words else [Gone(DISK, "everything", f"{free:,} MiB are free again")],
        )


class Awaited(Plain):
    """A detector whose capability is not built yet: it says so, and never that all is well."""

    every_seconds = 60.0

    def __init__(self, name: str) -> None:
        self.name = name

    def look(self, _: Post, __: Mapping[str, int]) -> Look:
        """Nothing can be seen."""
        return Look(state=UNKNOWN, detail=AWAITED[self.name])
