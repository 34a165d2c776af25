"""Samples the metrics: those that are critical after each pass, the rest each minute. Belongs to one thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.base.clock import BootTime, Clock
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.operation.catalogue.measuring import Measuring
from watchkeeper.operation.catalogue.metrics import METRICS, Measured
from watchkeeper.operation.metrics import keeping, own, store
from watchkeeper.operation.verifier import verdicts

MINUTE_SECONDS = 60.0
#: A tier that did not answer is asked again sooner.
_DOWN_SECONDS = 10.0
#: A round that says what the last one said is written again after so long: its age is what makes it worth something.
_SAID_AGAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe of a tier met: whether it answered well, and how long that took, in milliseconds."""

    up: bool
    milliseconds: int | None


#: Tier -> what its probe met, now.
Probes = Callable[[], Mapping[str, Probe]]


def no_probes() -> Mapping[str, Probe]:
    """Nothing is probed: availability is unknown."""
    return {}


class Sampler:
    """Reads a round and writes it. Raises `DatabaseError` when the control room's own store cannot be used."""

    def __init__(
        self,
        data: Path,
        *,
        system_id: str,
        database: SqliteDatabase,
        clock: Clock,
        probes: Probes = no_probes,
    ) -> None:
        self._data = data
        self._database = database
        self._clock = clock
        self._probes = probes
        self._lease = LeaseStore(data, system_id=system_id, role="control")
        self._measuring = Measuring(data, system_id=system_id, database=database, clock=clock)
        self._said: Measured | None = None
        self._said_at: BootTime | None = None
        self._minute: BootTime | None = None
        self._minute_seconds = MINUTE_SECONDS

    def close(self) -> None:
        """Give the files back."""
        self._measuring.close()
        self._lease.close()

    def critical(self) -> Measured:
        """Sample what follows each pass. Call it once a second at most."""
        boot, at = self._clock.boot(), self._clock.now()
        measured = Measured()
        standings = verdicts.current(self._database, clock=self._clock)
        own.words(measured, standings)
        self._measuring.critical(measured, judged=own.judged(standings))
        if measured != self._said or self._older(self._said_at, _SAID_AGAIN_SECONDS):
            store.record(self._database, round_=store.ROUND_CRITICAL, measured=measured, boot=boot, at=at)
            self._said, self._said_at = measured, boot
        return measured

    def minute(self) -> Measured:
        """Sample the rest, sum up what is complete, and remove what is too old."""
        boot, at = self._clock.boot(), self._clock.now()
        self._minute = boot
        measured = Measured()
        self._measuring.rest(measured)
        self._measuring.probe_ages(measured)
        own.live(measured, self._database, self._lease, clock=self._clock)
        own.alerts(measured, self._database, at=at)
        own.unsealed(measured, self._data, self._measuring.oldest_row_after, at=at)
        self._read_tiers(measured)
        store.record(self._database, round_=store.ROUND_MINUTE, measured=measured, boot=boot, at=at)
        keeping.keep(self._database, at=at)
        return measured

    def minute_is_due(self) -> bool:
        """Whether a minute has passed since the last one was begun; less, where a tier did not answer then."""
        return self._older(self._minute, self._minute_seconds)

    def _older(self, since: BootTime | None, seconds: float) -> bool:
        age = None if since is None else self._clock.boot().seconds_since(since)
        return age is None or age >= seconds

    def _read_tiers(self, measured: Measured) -> None:
        probes = self._probes()
        if not probes:
            measured.cannot(["tier_up", "tier_response_seconds"], "nothing was probed")
        down = any(not probe.up for probe in probes.values())
        self._minute_seconds = _DOWN_SECONDS if down else MINUTE_SECONDS
        for tier, probe in probes.items():
            measured.say("tier_up", int(probe.up), tier)
            if probe.milliseconds is not None:
                scale = METRICS["tier_response_seconds"].scale
                measured.say("tier_response_seconds", probe.milliseconds * scale // 1000, tier)
