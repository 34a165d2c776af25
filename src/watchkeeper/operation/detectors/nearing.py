"""The detector of accounts that near their limit: one alert an account and level, over when the account is well below it again.

Who works at a level crosses it many times a day; that is one alert.
"""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.base.database import Database
from watchkeeper.operation.catalogue.signs import nearness
from watchkeeper.operation.catalogue.signs.model import Sign
from watchkeeper.operation.detectors.model import QUIET, SEEN, Gone, Look, Plain, Post

_SCOPE = "account:"
_TOLD_MAX = 2_000
#: Points of percent below its level at which an alert is over.
_BELOW_PERCENT = 5


class NearTheLimit(Plain):
    """Accounts with most of what they may have at stake."""

    name = "accounts near the limit"
    every_seconds = 5.0

    def look(self, post: Post, _: Mapping[str, int]) -> Look:
        """Judge the nearest accounts, and those that are told already, by each level."""
        levels = [(condition, post.thresholds[name]) for condition, name in nearness.LEVELS]
        told = {condition: _told(post.database, condition) for condition, _ in levels}
        with post.reading.snapshot():
            found = nearness.near(post.reading, percent=min(percent for _, percent in levels))
            again = nearness.known(
                post.reading, sorted({alias for names in told.values() for alias in names})
            )
        named = found[: nearness.NAMED_MAX]
        signs, gone = list[Sign](), list[Gone]()
        for condition, percent in levels:
            signs += [
                Sign(condition, one.scope, f"{one.percent} % of the limit is at stake; {percent} % is told")
                for one in named
                if one.reaches(percent) and one.alias not in told[condition]
            ]
            below = max(1, percent - _BELOW_PERCENT)
            gone += [
                Gone(
                    condition,
                    one.scope,
                    f"{one.percent} % of the limit is at stake now, less than {below} %",
                )
                for one in again
                if one.alias in told[condition] and not one.reaches(below)
            ]
        highest = max((one.percent for one in named), default=0)
        words = f"at most {highest} % of the limit at stake, {len(named)} accounts near it"
        if len(found) > len(named):
            words = f"more than {len(named)} accounts are near the limit; the nearest are told"
        return Look(
            state=SEEN if named else QUIET,
            detail=words if named else "nobody is near the limit",
            value=highest,
            value_max=min(percent for _, percent in levels) - 1,
            signs=signs,
            gone=gone,
        )


def _told(database: Database, condition: str) -> frozenset[str]:
    """The accounts with an open alert of this condition."""
    rows = database.query(
        "SELECT scope FROM alerts WHERE condition = ? AND state <> 'resolved' ORDER BY id LIMIT ?",
        (condition, _TOLD_MAX),
    )
    return frozenset(str(scope).removeprefix(_SCOPE) for (scope,) in rows)
