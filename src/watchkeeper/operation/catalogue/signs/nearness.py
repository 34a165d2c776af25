"""Accounts that near what they may have at stake (domain, Exposure): seen before the limit refuses them, and before it is passed.

Blind to: a state row that was overwritten; the check of states sees that, and the check of the limit replays every position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.boundary.gate import account as scope_of
from watchkeeper.operation.catalogue.books import EXPOSURE_UGX_MAX, integer
from watchkeeper.operation.catalogue.signs.model import Reading

#: Condition -> the threshold from which on it is told, in percent of the limit; the lowest first.
LEVELS = (
    ("exposure warning", "exposure_first_percent"),
    ("exposure high", "exposure_second_percent"),
    ("exposure nearly full", "exposure_third_percent"),
)
#: Accounts that one look names, the nearest to the limit first.
NAMED_MAX = 500
_ALIASES_AT_ONCE = 500
_FROM = "FROM watch_trader_state s JOIN watch_users u ON u.id = s.trader_id"


@dataclass(frozen=True, slots=True)
class Near:
    """An account with what it has at stake, in UGX."""

    alias: str
    at_stake_ugx: int

    @property
    def percent(self) -> int:
        """How much of the limit that is, rounded down."""
        return self.at_stake_ugx * 100 // EXPOSURE_UGX_MAX

    @property
    def scope(self) -> str:
        """What an alert about it covers."""
        return str(scope_of(self.alias))

    def reaches(self, percent: int) -> bool:
        """Whether it has so much of the limit at stake, or more."""
        return self.at_stake_ugx * 100 >= EXPOSURE_UGX_MAX * percent


def near(reading: Reading, *, percent: int) -> list[Near]:
    """The accounts from so many percent of the limit on, the nearest first; at most one more than are named."""
    rows = reading.query(
        f"SELECT u.alias, s.exposure_ugx {_FROM} WHERE s.exposure_ugx >= ? "
        "ORDER BY s.exposure_ugx DESC, s.trader_id LIMIT ?",
        (-(-EXPOSURE_UGX_MAX * percent // 100), NAMED_MAX + 1),
    )
    # What is no alias names nobody; other checks see that it was changed.
    return [
        Near(str(alias), integer(ugx)) for alias, ugx in rows if isinstance(alias, str) and alias.isascii()
    ]


def known(reading: Reading, aliases: Sequence[str]) -> list[Near]:
    """What these accounts have at stake; one that is not there is left out."""
    found: list[Near] = []
    for begin in range(0, len(aliases), _ALIASES_AT_ONCE):
        some = aliases[begin : begin + _ALIASES_AT_ONCE]
        rows = reading.query(
            f"SELECT u.alias, s.exposure_ugx {_FROM} WHERE u.alias IN ({', '.join('?' * len(some))})",
            tuple(some),
        )
        found += [Near(str(alias), integer(ugx)) for alias, ugx in rows]
    return found
