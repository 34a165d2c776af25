"""Sampling the metrics beside the watch, in a thread of its own: neither its reads nor its failures may delay a pass."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import httpx
import structlog

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import DatabaseError, open_database
from watchkeeper.bootstrap import addresses
from watchkeeper.operation.detectors import reaching
from watchkeeper.operation.metrics.sampler import Probe, Sampler
from watchkeeper.operation.store import open_store

#: Critical metrics follow each pass, but not more often than this.
_EACH_SECONDS = 1.0
_QUIET_SECONDS = 5.0
#: What failed once fails again at once.
_AGAIN_SECONDS = 5.0

_log = structlog.get_logger()


class Sampling:
    """A thread that samples after each pass, and each minute."""

    def __init__(self, data: Path, *, system_id: str, clock: Clock) -> None:
        self._data = data
        self._system_id = system_id
        self._clock = clock
        self._stopping = threading.Event()
        self._passed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="metrics", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the round that is under way."""
        self._stopping.set()
        self._passed.set()
        self._thread.join(timeout=10)

    def passed(self) -> None:
        """A pass came to its end."""
        self._passed.set()

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self._sample()
            except Exception as error:
                # Whatever it is: the watch goes on, and what is not sampled is unknown by its age.
                _log.error("metrics.failed", error=type(error).__name__, detail=str(error))
                self._stopping.wait(_AGAIN_SECONDS)

    def _sample(self) -> None:
        with (
            closing(open_store(self._data, system_id=self._system_id)) as database,
            closing(
                Sampler(
                    self._data,
                    system_id=self._system_id,
                    database=database,
                    clock=self._clock,
                    probes=self._probes,
                )
            ) as sampler,
        ):
            while not self._stopping.is_set():
                # Also when no pass comes to its end: what that means for the books is worth a sample.
                self._passed.wait(_QUIET_SECONDS)
                self._passed.clear()
                sampler.critical()
                if sampler.minute_is_due():
                    sampler.minute()
                self._stopping.wait(_EACH_SECONDS)

    def _probes(self) -> Mapping[str, Probe]:
        where = addresses.read(self._data)
        found = {"books": self._timed(self._books_answer)}
        if where is not None:
            found["market"] = self._timed(lambda: _answers(f"{where.market}/livez", clock=self._clock))
            found["commands"] = self._timed(lambda: _answers(f"{where.market}/readyz", clock=self._clock))
            found["control"] = self._timed(lambda: _answers(f"{where.control}/livez", clock=self._clock))
        return found

    def _timed(self, probe: Callable[[], bool]) -> Probe:
        begun = self._clock.boot()
        up = probe()
        took = self._clock.boot().seconds_since(begun)
        return Probe(up, int(took * 1000) if up and took is not None else None)

    def _books_answer(self) -> bool:
        """Over a connection of its own, as anybody who comes anew."""
        try:
            with closing(open_database(self._data, "market", role="watch", may_write=False)) as database:
                return database.one("SELECT system_id FROM watch_system") == (self._system_id,)
        except DatabaseError:
            return False


def _answers(url: str, *, clock: Clock) -> bool:
    answer = reaching.probe(url, clock=clock)
    return answer.works and answer.detail == str(httpx.codes.OK)
