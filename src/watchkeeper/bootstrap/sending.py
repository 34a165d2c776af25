"""The sender: a thread of the control room that takes what the outbox holds to the channels."""

from __future__ import annotations

import threading
from pathlib import Path

import structlog

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import DatabaseError, SqliteDatabase
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.bootstrap import addresses
from watchkeeper.operation import authority
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.notifications import channels, outbox
from watchkeeper.operation.store import open_store

_TURN_SECONDS = 0.01
_SLOW_SECONDS = 1.0

_log = structlog.get_logger()


class Sender:
    """Sends what the outbox holds. A thread of its own, because a channel may take its time."""

    def __init__(self, data: Path, *, system_id: str, clock: Clock) -> None:
        self._data = data
        self._system_id = system_id
        self._clock = clock

    def run(self, stopping: threading.Event) -> None:
        """Send until told to stop; the settings are read again when they change."""
        database = open_store(self._data, system_id=self._system_id)
        known: dict[str, channels.Channel] = {}
        stamp: float | None = -1.0
        while not stopping.is_set():
            try:
                found = _modified(self._data)
                if found != stamp:
                    known = self._configured(database)
                    stamp = found
                outbox.enqueue(database, list(known), clock=self._clock)
                where = addresses.read(self._data)
                link = "" if where is None else where.control
                if not known or not outbox.send_due(database, known, clock=self._clock, link=link):
                    stopping.wait(_TURN_SECONDS)
            except (DatabaseError, OSError) as error:
                _log.error("sender.failed", error=type(error).__name__, detail=str(error))
                stopping.wait(_SLOW_SECONDS)
        database.close()

    def _configured(self, database: SqliteDatabase) -> dict[str, channels.Channel]:
        """The channels by name; none while the settings cannot be used, which is an alert."""
        try:
            return {c.name: c for c in channels.configured(self._data, clock=self._clock)}
        except SettingsWrong as error:
            _log.error("settings.wrong", detail=str(error))
            with database.transaction("write"):
                alerts.raise_alert(
                    database,
                    condition="settings wrong",
                    scope="everything",
                    severity="high",
                    title="The settings of the channels cannot be used",
                    detail=str(error),
                    playbook="",
                    finding_ids=(),
                    by=authority.TELL.cited,
                    at=self._clock.now(),
                )
            return {}


def _modified(data: Path) -> float | None:
    try:
        return (data / "settings.toml").stat().st_mtime
    except FileNotFoundError:
        return None
