"""Tells that the control room cannot write, without writing: a thread that needs nothing but the settings and a network.

An alert is sent because it is written. When the store itself is full, locked or broken nothing is written, so this one is sent
as it is, on every channel, again every ten minutes for as long as it lasts. Its end, with all that could not be told meanwhile,
comes the usual way.
"""

from __future__ import annotations

import threading
from pathlib import Path

import structlog

from watchkeeper.base.clock import BootTime, Clock, kampala, later
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.bootstrap import addresses
from watchkeeper.bootstrap.unwritten import Unwritten, Writing
from watchkeeper.operation import authority
from watchkeeper.operation.alerts.life import RESPONSE_SECONDS, Alert, Event
from watchkeeper.operation.catalogue.conditions import UNWRITABLE
from watchkeeper.operation.notifications import channels
from watchkeeper.operation.notifications.message import Message

AGAIN_SECONDS = 600.0
_ADVICE = (
    "It has no number yet. Next: make room on the disk of the data folder, or end whoever holds operation.db; all goes on by itself, "
    "and an alert of this condition then says that it is over."
)
_TURN_SECONDS = 1.0

_log = structlog.get_logger()


class DirectTelling:
    """Belongs to one thread; a restart in between tells again."""

    def __init__(self, data: Path, writing: Writing, *, clock: Clock) -> None:
        self._data = data
        self._writing = writing
        self._clock = clock
        self._told: BootTime | None = None

    def run(self, stopping: threading.Event) -> None:
        """Look each second until told to stop."""
        while not stopping.wait(_TURN_SECONDS):
            try:
                self.turn()
            except Exception:
                # Nobody would notice that this thread has ended.
                _log.exception("direct.failed")

    def turn(self) -> None:
        """Tell what has lasted for too long, unless it was told lately."""
        trouble = self._writing.to_tell(self._data)
        if trouble is None:
            self._told = None
        elif self._told is None or (self._clock.boot().seconds_since(self._told) or 0.0) >= AGAIN_SECONDS:
            self._told = self._clock.boot()
            self._tell(trouble)

    def _tell(self, trouble: Unwritten) -> None:
        try:
            found = channels.configured(self._data, clock=self._clock)
        except (SettingsWrong, OSError) as error:
            _log.error("direct.no_channels", detail=str(error))
            return
        message = self._message(trouble)
        for channel in found:
            try:
                channel.send(message)
            except Exception as error:
                # A channel is somebody else's code; the others are tried all the same.
                _log.error("direct.not_taken", channel=channel.name, error=type(error).__name__)
            else:
                _log.warning("direct.told", channel=channel.name)

    def _message(self, trouble: Unwritten) -> Message:
        at = self._clock.now()
        text = f"since {kampala(trouble.since)}: {trouble.detail}. What it sees from then on may be neither written nor told."
        alert = Alert(
            id=0,
            condition=UNWRITABLE,
            scope="everything",
            severity="critical",
            title="The control room cannot write what it sees",
            detail=text,
            playbook="",
            state="open",
            times_raised=1,
            raised_at=trouble.since,
            due_at=later(at, seconds=RESPONSE_SECONDS["critical"]),
            overdue=False,
            responded_at=None,
            responded_by=None,
            acknowledged_until=None,
            next_step=None,
            resolved_at=None,
            resolved_by=None,
        )
        event = Event(id=0, alert_id=0, kind="raised", by=authority.TELL.cited, text=text, at=at)
        return Message(f"wk-direct-{at}", event, alert, (), self._link(), advice=_ADVICE)

    def _link(self) -> str:
        try:
            where = addresses.read(self._data)
        except OSError:
            return ""
        return "" if where is None else where.control
