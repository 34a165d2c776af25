"""The one clock. Nothing else in the project reads the system's time.

Two kinds of time are kept apart on purpose:

- an *instant* says when something happened, for people and records: microseconds since the
  Unix epoch, UTC, as an integer (an administrator or NTP may move it at any moment);
- *boot time* says how long ago something was, for every safety decision: nanoseconds since
  the machine booted, sleep included. Nobody can set it. It means something only together
  with the boot's own id.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import NewType, Protocol

#: Microseconds since 1970-01-01T00:00:00Z.
Instant = NewType("Instant", int)

#: Before and after everything that is ever written down: the epoch, and the end of the year 9999.
FIRST_INSTANT = Instant(0)
LAST_INSTANT = Instant(253_402_300_799_999_999)

MICROSECONDS_PER_SECOND = 1_000_000
SECONDS_PER_HOUR = 3600

#: What people in the market read on their clocks. Uganda has no daylight saving time.
KAMPALA = timezone(timedelta(hours=3), "EAT")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class BootTime:
    """A point on the machine's own stopwatch: which boot, and nanoseconds since it."""

    boot_id: str
    nanoseconds: int

    def seconds_since(self, earlier: BootTime) -> float | None:
        """Seconds from `earlier` to here, or None when they belong to different boots."""
        if self.boot_id != earlier.boot_id:
            return None
        return (self.nanoseconds - earlier.nanoseconds) / 1e9


class Clock(Protocol):
    """Where time comes from; the system's clock, or a test's."""

    def now(self) -> Instant:
        """This instant, UTC, in microseconds."""
        ...

    def boot(self) -> BootTime:
        """This point in boot time, which nobody can set."""
        ...


class SystemClock:
    """The clock of this machine."""

    def __init__(self) -> None:
        self._boot_id = _BOOT_ID_FILE.read_text(encoding="ascii").strip()

    def now(self) -> Instant:
        return Instant(time.time_ns() // 1000)

    def boot(self) -> BootTime:
        return BootTime(self._boot_id, time.clock_gettime_ns(time.CLOCK_BOOTTIME))


def later(at: Instant, *, seconds: int) -> Instant:
    """The instant that many whole seconds after `at` (negative: before)."""
    return Instant(at + seconds * MICROSECONDS_PER_SECOND)


def when(boot: BootTime, *, clock: Clock) -> Instant:
    """The instant, by the clock as it goes now, of an earlier point of this boot; now for one of another boot."""
    return Instant(clock.now() - int((clock.boot().seconds_since(boot) or 0.0) * MICROSECONDS_PER_SECOND))


def as_datetime(at: Instant) -> datetime:
    """An aware UTC datetime for `at`."""
    return _EPOCH + timedelta(microseconds=at)


def as_instant(moment: datetime) -> Instant:
    """The instant of an aware datetime; a naive one is refused."""
    if moment.tzinfo is None:
        msg = "a naive datetime has no instant"
        raise ValueError(msg)
    delta = moment - _EPOCH
    return Instant((delta.days * 86_400 + delta.seconds) * MICROSECONDS_PER_SECOND + delta.microseconds)


def iso(at: Instant) -> str:
    """RFC 3339 in UTC with microseconds, as APIs and records show it."""
    return as_datetime(at).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def kampala(at: Instant) -> str:
    """What a person in Uganda reads: `2026-11-23 14:05:09`."""
    return as_datetime(at).astimezone(KAMPALA).strftime("%Y-%m-%d %H:%M:%S")


class NotADay(ValueError):
    """A day is written YYYY-MM-DD."""


def day_begins(text: str) -> Instant:
    """The first instant of a day as people in Uganda count it, from `2026-11-23`; raises `NotADay`."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=KAMPALA)
        return as_instant(day)
    except (ValueError, OverflowError) as error:
        raise NotADay(NotADay.__doc__) from error
