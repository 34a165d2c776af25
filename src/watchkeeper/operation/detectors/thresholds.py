"""Thresholds and windows of the detectors: settings with the catalogue's defaults; a change is an act on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.base import settings
from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.operation import journal

SECTION = "thresholds"
#: Who a change of the file is recorded as: whoever may write it, which the file does not say.
_ACTOR = "settings.toml"


@dataclass(frozen=True, slots=True)
class Known:
    """A threshold: its default, what it may be at least and at most, and what it means."""

    default: int
    least: int
    most: int
    means: str


KNOWN: Mapping[str, Known] = {
    "admin_actions_per_hour": Known(10, 1, 10_000, "more admin actions than this in any 60 minutes are told"),
    "rate_limit_hits_per_hour": Known(
        50, 1, 10_000, "more rate-limit hits than this in any 60 minutes are told"
    ),
    "role_changes_per_hour": Known(5, 1, 10_000, "more changes of role than this in any 60 minutes are told"),
    "reversals_per_day": Known(10, 1, 10_000, "more reversals than this in any 24 hours are told"),
    "flips_per_day": Known(10, 1, 10_000, "more flips of switches than this in any 24 hours are told"),
    "refused_authorizations_per_hour": Known(
        30, 1, 10_000, "more refusals of what an account may not do than this in any 60 minutes are told"
    ),
    "failed_second_factors_per_hour": Known(
        5, 1, 10_000, "more wrong second factors of an admin or operator than this in any 60 minutes are told"
    ),
    "failed_sign_ins_per_hour": Known(
        20, 1, 10_000, "more failed sign-ins of an admin or operator than this in any 60 minutes are told"
    ),
    "exposure_first_percent": Known(80, 1, 100, "an account with so much of its limit at stake is told, low"),
    "exposure_second_percent": Known(
        90, 1, 100, "an account with so much of its limit at stake is told again, low"
    ),
    "exposure_third_percent": Known(
        95, 1, 100, "an account with so much of its limit at stake is told again, medium"
    ),
    "reversal_after_lock_seconds": Known(
        3600, 0, 7 * 86_400, "a reversal within this time of its lock is in haste"
    ),
    "reversal_after_mark_seconds": Known(
        60, 0, 7 * 86_400, "a reversal within this time of its being marked late or cancelled is in haste"
    ),
    "habit_learning_days": Known(7, 1, 365, "for so long a new account's addresses are learnt and not told"),
    "habit_hour_days": Known(14, 1, 365, "for so long an account's hours are learnt and not told"),
    "habit_sign_ins": Known(10, 1, 10_000, "an hour is odd only for who has signed in so often"),
    "habit_kept_days": Known(90, 7, 3650, "what was usual so long ago is not any more"),
    "address_slow_ms": Known(1000, 1, 60_000, "an address whose 99th percentile is above this is slow"),
    "address_slow_seconds": Known(300, 10, 86_400, "slowness is told when it has lasted so long"),
    "address_unavailable_seconds": Known(60, 1, 86_400, "a probe that fails for longer than this is told"),
    "together_seconds": Known(120, 1, 3600, "tiers that begin to fail within this time fail together"),
    "free_mib": Known(128, 1, 1_000_000, "with less room than this on the data folder's disk it is full"),
    "write_probe_seconds": Known(120, 40, 3600, "a write probe older than this has failed"),
    "store_unwritable_seconds": Known(
        60, 5, 3600, "when the control room's store could not be written for so long, that is told without it"
    ),
    "detector_silent_seconds": Known(300, 30, 86_400, "a detector that knows nothing for longer is told"),
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The values in force, by name."""

    values: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        return self.values[name]


DEFAULTS = Thresholds({name: known.default for name, known in KNOWN.items()})


def read(data: Path) -> Thresholds:
    """The thresholds of this data folder; raises `SettingsWrong` for a name or a value that cannot be meant."""
    table = settings.read(data).get(SECTION, {})
    settings.known(table, frozenset(KNOWN), where=f"[{SECTION}]")
    found: dict[str, int] = {}
    for name, known in KNOWN.items():
        value = settings.whole(table, name, default=known.default)
        if not known.least <= value <= known.most:
            raise SettingsWrong(f"{name} is {value}; it may be {known.least} to {known.most}")
        found[name] = value
    return Thresholds(found)


def keep(database: Database, found: Thresholds, *, at: Instant) -> list[str]:
    """Put what has changed since the last look on record, with old and new, in the caller's transaction; the names."""
    before = {
        str(name): int(str(value))
        for name, value in database.query("SELECT name, value FROM thresholds LIMIT 1000")
    }
    changed: list[str] = []
    for name, value in found.values.items():
        old = before.get(name, KNOWN[name].default)
        if name not in before or old != value:
            database.execute(
                "INSERT INTO thresholds (name, value, at) VALUES (?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at",
                (name, value, at),
            )
        if old != value:
            changed.append(name)
            journal.record(
                database,
                actor=_ACTOR,
                action="change threshold",
                subject=name,
                reason=f"the settings file says so: {KNOWN[name].means}",
                detail={"old": old, "new": value},
                at=at,
            )
    return changed


def kept(database: Database) -> Thresholds:
    """The thresholds as they were last read and put on record; the defaults for what never was."""
    values = dict(DEFAULTS.values)
    for name, value in database.query("SELECT name, value FROM thresholds LIMIT 1000"):
        if str(name) in values:
            values[str(name)] = int(str(value))
    return Thresholds(values)
