"""The detectors of threats at work: in the control room's process beside its worker, and those that contain in the watch's."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from watchkeeper.base import settings
from watchkeeper.base.clock import BootTime, Clock
from watchkeeper.base.database import DatabaseError, SqliteDatabase
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.bootstrap import addresses
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.gatestore import Gate
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.boundary.views import Views
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.alerts.life import Alert
from watchkeeper.operation.catalogue.signs.model import Reading, Sign
from watchkeeper.operation.catalogue.threats import AWAITED
from watchkeeper.operation.detectors import machine, nearing, people, rates, reaching, telling, thresholds
from watchkeeper.operation.detectors.model import Detector, Gone, Post
from watchkeeper.operation.detectors.runner import Runner, look_now
from watchkeeper.operation.detectors.silence import Silence
from watchkeeper.operation.detectors.thresholds import Thresholds
from watchkeeper.operation.detectors.tiers import Tiers
from watchkeeper.operation.store import open_store
from watchkeeper.operation.verifier import deadlines
from watchkeeper.operation.verifier.deadlines import Deadlines

_TURN_SECONDS = 0.5
_SETTINGS_SECONDS = 5.0
_ALIVE_SECONDS = 60.0
_SETTINGS_WRONG, _SETTINGS_SCOPE = "settings wrong", "thresholds"

_log = structlog.get_logger()


def of_the_books() -> list[Detector]:
    """Detectors that read what is written; the control process runs them."""
    return [
        *rates.all_rates(),
        people.AdminGrants(),
        people.HastyReversals(),
        people.UsualSignIns(),
        people.UnansweredAlerts(),
        people.Corrections(),
        nearing.NearTheLimit(),
        machine.SwitchProbes(),
        machine.FreeSpace(),
        *(machine.Awaited(name) for name in AWAITED),
        Silence(),
    ]


def of_the_tiers(data: Path) -> list[Detector]:
    """Detectors that reach for something and may have to wait for it; a thread of their own runs them."""
    tiers = Tiers()
    return [
        reaching.PublishedAddresses(tiers, lambda: published(data)),
        reaching.WriteProbe(tiers),
        reaching.FailingTogether(tiers),
    ]


def published(data: Path) -> Mapping[str, str]:
    """Every address that people were told, by tier: where the servers listen, and the market's public one."""
    found: dict[str, str] = {}
    where = addresses.read(data)
    if where is not None:
        found = {"market": f"{where.market}/", "control": f"{where.control}/"}
    try:
        table = settings.read(data).get("market", {})
        public = settings.text(table, "public_address", default="")
    except SettingsWrong:
        return found
    return found | ({"public": f"{public.rstrip('/')}/"} if public else {})


class Detecting:
    """Some detectors, with all that they look at. Belongs to one thread; opened where it runs."""

    def __init__(
        self,
        data: Path,
        *,
        system_id: str,
        clock: Clock,
        detectors: Sequence[Detector],
        database: SqliteDatabase | None = None,
        gatefile: Gate | None = None,
    ) -> None:
        self._data = data
        self._clock = clock
        self._own = database is None
        self._own_gate = gatefile is None
        self._runner = Runner(detectors)
        self._views = Views(data, system_id=system_id)
        self._settled: BootTime | None = None
        self._stamp = 0
        self._turned: BootTime | None = None
        store = database or open_store(data, system_id=system_id)
        self.post = Post(
            data=data,
            database=store,
            reading=Reading(self._views),
            gatefile=gatefile or open_gate(data, system_id=system_id, role="control"),
            lease=LeaseStore(data, system_id=system_id, role="control"),
            clock=clock,
            thresholds=thresholds.kept(store),
        )

    def look(self, name: str) -> list[Alert]:
        """One look of the detector of this name, due or not, with everything that follows; the alerts that were raised."""
        self._settle()
        return look_now(self.post, next(one for one in self._runner.detectors if one.name == name))

    def alive(self) -> bool:
        """Whether a turn came to an end lately, well or not."""
        age = None if self._turned is None else self._clock.boot().seconds_since(self._turned)
        return age is not None and age < _ALIVE_SECONDS

    def turn(self) -> None:
        """Have those look that are due; raises `DatabaseError` of the control room's own store."""
        self._settle()
        self._runner.run_due(self.post)

    def close(self) -> None:
        """Give the files back."""
        self._views.close()
        self.post.lease.close()
        if self._own_gate:
            self.post.gatefile.close()
        if self._own:
            self.post.database.close()

    def run(self, stopping: threading.Event) -> None:
        """Look until told to stop."""
        while not stopping.is_set():
            try:
                self.turn()
            except DatabaseError as error:
                _log.error("detecting.failed", detail=str(error))
            except Exception:
                # Nobody would tell that this thread is gone: it goes on, and what it did not see grows old.
                _log.exception("detecting.failed")
            self._turned = self._clock.boot()
            stopping.wait(_TURN_SECONDS)
        self.close()

    def _settle(self) -> None:
        """Read thresholds and deadlines again. A mistake in them is told, and the last good ones stay in force."""
        now = self._clock.boot()
        age = None if self._settled is None else now.seconds_since(self._settled)
        stamp = _stamp(self._data)
        if age is not None and age < _SETTINGS_SECONDS and stamp == self._stamp:
            return
        self._settled, self._stamp = now, stamp
        at = self._clock.now()
        wrong = ""
        found: tuple[Thresholds, Deadlines] | None = None
        try:
            found = thresholds.read(self._data), deadlines.read(self._data)
        except SettingsWrong as error:
            wrong = str(error)
        database = self.post.database
        known = alerts.of(database, condition=_SETTINGS_WRONG, scope=_SETTINGS_SCOPE) is not None
        if found == (self.post.thresholds, deadlines.kept(database)) and not known:
            return
        with database.transaction("write"):
            if found is None:
                if not known:
                    telling.tell(database, Sign(_SETTINGS_WRONG, _SETTINGS_SCOPE, wrong), at=at)
                return
            thresholds.keep(database, found[0], at=at)
            deadlines.keep(database, found[1], at=at)
            telling.end(
                database, [Gone(_SETTINGS_WRONG, _SETTINGS_SCOPE, "the settings can be read again")], at=at
            )
        self.post.thresholds = found[0]


def _stamp(data: Path) -> int:
    """When the settings were changed last, 0 when there are none."""
    try:
        return (data / settings.FILE_NAME).stat().st_mtime_ns
    except OSError:
        return 0
