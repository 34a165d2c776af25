"""A detector that knows nothing for too long is told: it did not look, or could not see."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.base.clock import BootTime
from watchkeeper.operation.catalogue.signs.model import Sign
from watchkeeper.operation.catalogue.threats import AWAITED, FOREWARNING, THREATS
from watchkeeper.operation.detectors import looks
from watchkeeper.operation.detectors.model import QUIET, SEEN, UNKNOWN, Gone, Look, Plain, Post

SILENT = "detector silent"
#: Every detector that is at work; those whose capability is awaited say so for themselves.
EXPECTED: tuple[str, ...] = tuple(
    sorted({*(name for threat in THREATS.values() for name in threat.detectors), *FOREWARNING} - set(AWAITED))
)


class Silence(Plain):
    """Looks at the last looks of all others."""

    name = "silent detectors"
    every_seconds = 5.0

    def __init__(self) -> None:
        self._begun: BootTime | None = None

    def look(self, post: Post, _: Mapping[str, int]) -> Look:
        """Judge each by its age; right after a start they have time to look again."""
        now = post.clock.boot()
        self._begun = self._begun or now
        limit = post.thresholds["detector_silent_seconds"]
        beginning = (now.seconds_since(self._begun) or 0.0) <= limit
        seen = looks.current(post.database, clock=post.clock)
        signs: list[Sign] = []
        gone: list[Gone] = []
        for name in EXPECTED:
            scope, words = f"detector:{name}", _why_silent(seen.get(name), limit=limit)
            if not words and (found := seen.get(name)) is not None and found.state != UNKNOWN:
                gone.append(Gone(SILENT, scope, "it looks again"))
            elif words and not beginning:
                signs.append(Sign(SILENT, scope, f"{name}: {words}"))
        return Look(
            state=SEEN if signs else QUIET,
            detail=", ".join(sign.scope.removeprefix("detector:") for sign in signs)
            or "every detector looks",
            value=len(signs),
            value_max=0,
            signs=signs,
            gone=gone,
        )


def _why_silent(seen: looks.Seen | None, *, limit: int) -> str:
    if seen is None:
        return "it has never looked"
    if seen.age_seconds is None or seen.age_seconds > limit:
        age = "on another boot" if seen.age_seconds is None else f"{seen.age_seconds:.0f} s ago"
        return f"it looked last {age}"
    if seen.unknown_seconds is not None and seen.unknown_seconds > limit:
        return f"it knows nothing for {seen.unknown_seconds:.0f} s: {seen.detail}"
    return ""
