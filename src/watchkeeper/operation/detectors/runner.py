"""Running detectors: each looks when it is due, in bounded time; what it saw, told and read is one transaction.

A crash between two looks loses nothing and tells nothing twice. A detector that raises is UNKNOWN; the others go on.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from watchkeeper.base.clock import BootTime, later
from watchkeeper.base.database import DatabaseError
from watchkeeper.boundary.gatestore import GateBusy, GateUnreadable
from watchkeeper.operation.alerts.life import Alert
from watchkeeper.operation.detectors import looks, telling
from watchkeeper.operation.detectors.model import SINCE, UNKNOWN, Detector, Look, Post

#: What was written longer than this before a detector's first look of all is no news to it.
_NEWS_SECONDS = 86_400

_log = structlog.get_logger()


class Runner:
    """Some detectors at one post. Belongs to one thread."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self.detectors = tuple(detectors)
        self._looked: dict[str, BootTime] = {}

    def run_due(self, post: Post) -> list[Alert]:
        """Have those look that are due; the alerts that were raised. Raises `DatabaseError` of the control room's store."""
        raised: list[Alert] = []
        for detector in self.detectors:
            now = post.clock.boot()
            last = self._looked.get(detector.name)
            age = None if last is None else now.seconds_since(last)
            if age is None or age >= detector.every_seconds:
                self._looked[detector.name] = now
                raised += look_now(post, detector)
        return raised


def look_now(post: Post, detector: Detector) -> list[Alert]:
    """One look of one detector, with everything that follows from it; the alerts that were raised.

    Raises `DatabaseError` when the control room's own store cannot be written; the look is then made again by the next.
    """
    boot = post.clock.boot()
    try:
        marks = looks.marks(post.database, detector.name)
        begun = {} if SINCE in marks else {SINCE: later(post.clock.now(), seconds=-_NEWS_SECONDS)}
        marks |= begun
        try:
            look = detector.look(post, marks)
        except (DatabaseError, GateUnreadable, GateBusy) as error:
            _log.warning("detector.unknown", detector=detector.name, detail=str(error))
            look = _unknown(post, detector, f"cannot be read: {error}")
        except Exception as error:
            _log.exception("detector.failed", detector=detector.name)
            look = _unknown(post, detector, f"the detector raised {type(error).__name__}")
        look.marks = {**begun, **look.marks}
        return _written(post, detector, look, boot=boot)
    except DatabaseError:
        detector.forget()
        raise


def _unknown(post: Post, detector: Detector, detail: str) -> Look:
    detector.forget()
    for source in (post.reading, post.lease, post.gatefile):
        # Whatever broke is opened anew by the next look.
        source.close()
    return Look(state=UNKNOWN, detail=detail)


def _written(post: Post, detector: Detector, look: Look, *, boot: BootTime) -> list[Alert]:
    at = post.clock.now()
    raised: list[Alert] = []
    with post.database.transaction("write"):
        for sign in look.signs:
            alert = telling.tell(post.database, sign, at=at)
            if alert is not None:
                raised.append(alert)
        telling.end(post.database, look.gone, at=at)
        looks.keep(post.database, detector.name, look, boot=boot, at=at)
        if look.state != UNKNOWN:
            detector.keep(post.database)
    return raised
