"""The watch's own alerts: a detector that does not look any more, and a channel that takes nothing."""

from __future__ import annotations

import base64

from watchkeeper.bootstrap.drills.signals.model import ALERT, Signal
from watchkeeper.bootstrap.drills.signals.people import actions
from watchkeeper.bootstrap.drills.signals.stage import HOUR, Stage
from watchkeeper.operation.detectors.silence import EXPECTED, SILENT, Silence
from watchkeeper.operation.notifications import outbox
from watchkeeper.operation.notifications.channels import Webhook

_ABSENT = "habits"
#: Longer than a detector may know nothing.
_SILENT_SECONDS = 310
_CHANNEL, _PATH = "phone", "alert path"
_SECRET = "whsec_" + base64.b64encode(b"a drill's secret, of no use").decode("ascii")


def _all_look(stage: Stage, *, but: str = "") -> None:
    stage.world.probe()
    for name in EXPECTED:
        if name != but:
            stage.look(name)


def _silent(stage: Stage) -> None:
    _all_look(stage)
    stage.silent(Silence.name, SILENT)
    stage.acted()
    stage.passes(_SILENT_SECONDS)
    _all_look(stage, but=_ABSENT)
    for _ in range(2):
        stage.look(Silence.name)
        stage.speaks_of(SILENT, "high")


def _no_channel(stage: Stage) -> None:
    """An alert is to be sent, and nobody is there to take it."""
    actions(stage)
    stage.look("admin actions")
    stage.is_silent(_PATH)
    page = stage.pages["market"]
    page.stop()
    stage.acted()
    database = stage.world.database
    channel = Webhook(_CHANNEL, page.url, _SECRET, clock=stage.clock)
    outbox.enqueue(database, [_CHANNEL], clock=stage.clock)
    for _ in range(outbox.FAILURES_ALERTED):
        stage.is_silent(_PATH)
        outbox.send_due(database, {_CHANNEL: channel}, clock=stage.clock, link="")
        stage.passes(HOUR)
    stage.speaks_of(_PATH, "high")


SIGNALS: tuple[Signal, ...] = (
    Signal(ALERT, SILENT, "a detector looks no more", _silent, (SILENT,)),
    Signal(ALERT, _PATH, "a channel takes nothing", _no_channel, (_PATH,)),
)
