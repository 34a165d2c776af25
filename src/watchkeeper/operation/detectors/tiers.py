"""Tiers that fail: since when each does, and which of them began together.

What began within a short time has one cause more often than several, so it is told as one: one alert and one incident.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from watchkeeper.base.clock import BootTime
from watchkeeper.base.database import Database
from watchkeeper.operation.alerts import life as alerts

TOGETHER = "several tiers failed"
DATABASE, WATCH = "database", "watch"
_SINCE = "failing "
_BOOT = "boot"


class Tiers:
    """What the probes of one thread found, tier by tier; a restart on the same boot goes on where it was."""

    def __init__(self) -> None:
        self._failing: dict[str, BootTime] = {}

    def note(self, tier: str, *, works: bool, at: BootTime) -> None:
        """A probe's result; the first failure in a row counts."""
        if works:
            self._failing.pop(tier, None)
        else:
            self._failing.setdefault(tier, at)

    def failing_seconds(self, tier: str, *, now: BootTime) -> float | None:
        """For how long a tier has failed; None while it works."""
        since = self._failing.get(tier)
        return None if since is None else now.seconds_since(since) or 0.0

    def failing(self) -> list[str]:
        """The tiers that fail now."""
        return sorted(self._failing)

    def together(self, *, within_seconds: float) -> list[str]:
        """Tiers that began to fail within this time of each other; empty when it is not at least two."""
        begun = sorted(self._failing.items(), key=lambda item: item[1].nanoseconds)
        best: list[str] = []
        for position, (_, first) in enumerate(begun):
            group = [
                name
                for name, since in begun[position:]
                if (since.seconds_since(first) or 0.0) <= within_seconds
            ]
            if len(group) > max(1, len(best)):
                best = group
        return best

    def marks(self, *, now: BootTime) -> dict[str, int]:
        """What a restart has to know, as marks."""
        found = {f"{_SINCE}{tier}": since.nanoseconds for tier, since in self._failing.items()}
        return {**found, _BOOT: _number(now.boot_id)}

    def resume(self, marks: Mapping[str, int], *, now: BootTime, tiers: frozenset[str]) -> None:
        """Go on from the marks of a process before this one, on the same boot, for these tiers."""
        if marks.get(_BOOT) != _number(now.boot_id):
            return
        for name, nanoseconds in marks.items():
            tier = name.removeprefix(_SINCE)
            if name.startswith(_SINCE) and tier in tiers and nanoseconds:
                self._failing.setdefault(tier, BootTime(now.boot_id, nanoseconds))

    def cleared(self, marks: Mapping[str, int]) -> dict[str, int]:
        """Marks of tiers that fail no more, set to nothing."""
        return {
            name: 0
            for name in marks
            if name.startswith(_SINCE) and name.removeprefix(_SINCE) not in self._failing
        }


def _number(boot_id: str) -> int:
    return int(hashlib.sha256(boot_id.encode()).hexdigest()[:12], 16)


def told_together(database: Database) -> bool:
    """Whether several tiers are told as one now; each by itself is then no news."""
    return alerts.of(database, condition=TOGETHER, scope="everything") is not None
