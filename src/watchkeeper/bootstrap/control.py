"""The control room's process: the page, and beside it the worker that tells, opens playbooks and records."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path

import structlog

from watchkeeper.base import settings
from watchkeeper.base.clock import BootTime, Clock, SystemClock, kampala
from watchkeeper.base.database import DatabaseError, engine_of
from watchkeeper.base.database.server import no_room
from watchkeeper.base.money import ugx
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.bootstrap import addresses
from watchkeeper.bootstrap.beat import Beat
from watchkeeper.bootstrap.detecting import Detecting, of_the_books, of_the_tiers
from watchkeeper.boundary.lease import SILENT_AFTER_SECONDS, LeaseStore
from watchkeeper.boundary.views import Views
from watchkeeper.interfaces.control_web.app import create_app
from watchkeeper.interfaces.market_web.serve import serve
from watchkeeper.operation import authority
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue.outside_money import OutsideMoney, Unmatched
from watchkeeper.operation.coverage import stale
from watchkeeper.operation.detectors import tiers
from watchkeeper.operation.incidents import cases, checkpoints, keys, locks, push, repository
from watchkeeper.operation.metrics import token
from watchkeeper.operation.notifications import channels, outbox
from watchkeeper.operation.playbooks import proofs, runs
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.seals import publish
from watchkeeper.operation.store import open_store, system_id_of

_TURN_SECONDS = 0.05
_SLOW_SECONDS = 1.0
_ANCHOR_SECONDS = 3600.0
_ALIVE_SECONDS = 60.0
_STARTING_SECONDS = 60.0
_ROOM_SECONDS = 10.0
_MONEY_SECONDS = 60.0
_PROOFS_SECONDS = 60.0
_TROUBLE = (
    repository.RepositoryUnusable,
    repository.RecordRewritten,
    keys.KeyUnreadable,
    checkpoints.CheckpointWentBack,
    checkpoints.CheckpointMalformed,
)

_MONEY_UNMATCHED = "money unmatched"
_MONEY_SCOPE = "provider:"

_log = structlog.get_logger()


class Worker:
    """Turns rows of one stage into rows of the next. Belongs to one thread; sending has one of its own."""

    def __init__(self, data: Path, *, system_id: str, clock: Clock) -> None:
        self._data = data
        self._clock = clock
        self._database = open_store(data, system_id=system_id)
        self._lease = LeaseStore(data, system_id=system_id, role="control")
        self._begun = clock.boot()
        self._turned: BootTime | None = None
        self._slow: BootTime | None = None
        self._anchored: BootTime | None = None
        self._measured: BootTime | None = None
        self._views = Views(data, system_id=system_id)
        self._money = OutsideMoney(self._views)
        self._counted: BootTime | None = None
        self._proofs: BootTime | None = None
        #: That the watch was silent, until it is written: a watch that hangs may hold the store while it does.
        self._silence = ""
        self._withheld = ""
        table = settings.read(data).get("incidents", {})
        settings.known(table, frozenset({"remote"}), where="[incidents]")
        self._remote = settings.text(table, "remote", default="")

    def alive(self) -> bool:
        """Whether a turn came to an end lately."""
        age = None if self._turned is None else self._clock.boot().seconds_since(self._turned)
        return age is not None and age < _ALIVE_SECONDS

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop."""
        while not stopping.is_set():
            try:
                self.turn()
            except (DatabaseError, OSError) as error:
                _log.error("worker.failed", error=type(error).__name__, detail=str(error))
                stopping.wait(_SLOW_SECONDS)
            self._turned = self._clock.boot()
            stopping.wait(_TURN_SECONDS)
        self._views.close()
        self._database.close()

    def turn(self) -> None:
        """One round: playbooks, incidents, their commits; each second what time alone brings about."""
        at = self._clock.now()
        slow = self._slow is None or self._age(self._slow) >= _SLOW_SECONDS
        if slow:
            self._listen_for_watch()
        if self._something_new():
            with self._database.transaction("write"):
                runs.open_missing(self._database, at=at)
                cases.open_missing(self._database, at=at)
        self._commit()
        if slow:
            self._slow = self._clock.boot()
            with self._database.transaction("write"):
                alerts.sweep(self._database, at=at)
                proofs.refresh(self._database, at=at)
            self._tell_of_watch()
            self._tell_of_room()
            self._tell_of_money()
            self._tell_of_proofs()
            self._anchor()

    def _commit(self) -> None:
        waiting = self._database.one("SELECT 1 FROM incident_files WHERE commit_sha IS NULL LIMIT 1")
        if waiting is None:
            return
        try:
            repository.commit_due(self._data, self._database, clock=self._clock)
        except locks.RepositoryBusy:
            return
        except _TROUBLE as error:
            self._tell_of_records(error)
            return
        if self._remote:
            try:
                push.push(self._data, self._database, remote_url=self._remote, clock=self._clock)
            except push.PushFailed as error:
                self._tell_of_records(error)

    def _tell_of_records(self, error: Exception) -> None:
        _log.error("records.failed", error=type(error).__name__, detail=str(error))
        if alerts.of(self._database, condition="incident records", scope="everything") is not None:
            return
        with self._database.transaction("write"):
            alerts.raise_alert(
                self._database,
                condition="incident records",
                scope="everything",
                severity="high",
                title="Incident records cannot be kept",
                detail=str(error),
                playbook="",
                finding_ids=(),
                by=authority.TELL.cited,
                at=self._clock.now(),
            )

    def _age(self, since: BootTime) -> float:
        return self._clock.boot().seconds_since(since) or 0.0

    def _something_new(self) -> bool:
        row = self._database.one(
            "SELECT EXISTS (SELECT 1 FROM alerts a LEFT JOIN incident_alerts i ON i.alert_id = a.id "
            "WHERE i.alert_id IS NULL AND a.severity <> 'low'), EXISTS (SELECT 1 FROM alerts a "
            "LEFT JOIN playbook_runs r ON r.alert_id = a.id WHERE r.id IS NULL AND a.playbook <> '' "
            "AND a.state <> 'resolved')"
        )
        return row is not None and (row[0] == 1 or row[1] == 1)

    def _listen_for_watch(self) -> None:
        """Note a silence before anything is written: it was one even if the watch is back before it can be told."""
        try:
            row = self._lease.row()
            age = self._clock.boot().seconds_since(row.written)
            silent = age is None or age > SILENT_AFTER_SECONDS
            self._withheld = row.withheld
            if silent:
                self._silence = "its lease has not been written for half a minute"
        except DatabaseError as error:
            self._silence = f"its lease cannot be read: {error}"

    def _tell_of_watch(self) -> None:
        silence, reason = self._silence, self._silence or self._withheld
        if reason and not silence and self._age(self._begun) < _STARTING_SECONDS:
            # A watch that has just begun withholds its lease until it has looked; that is no news.
            return
        if reason and tiers.told_together(self._database):
            # It is one of several that fail, and told with them.
            return
        self._keep_told(
            "monitor silent",
            trouble=reason,
            title="The watch is silent" if silence else "The watch withholds its lease",
            meaning="Money stands still until it is back.",
            over="the watch renews its lease again",
        )
        self._silence = ""

    def _tell_of_room(self) -> None:
        """The lease fits into a full disk long after the books do not, so the disk is looked at by itself."""
        if engine_of(self._data) != "postgresql":
            return
        if self._measured is not None and self._age(self._measured) < _ROOM_SECONDS:
            return
        self._measured = self._clock.boot()
        try:
            trouble = no_room(self._lease.database())
        except DatabaseError as error:
            # A server that cannot be asked is told of as a silent watch.
            _log.warning("room.unknown", detail=str(error))
            return
        self._keep_told(
            "server full",
            trouble=trouble,
            title="The database server's disk is full",
            meaning="The books cannot grow: commands are refused, or will be soon.",
            over="there is room on the server's disk again",
        )

    def _tell_of_money(self) -> None:
        """What came in or went out more than a day ago and stands in no provider's statement, provider by provider."""
        if self._counted is not None and self._age(self._counted) < _MONEY_SECONDS:
            return
        begun = self._clock.boot()
        try:
            found = self._money.look(at=self._clock.now())
        except DatabaseError as error:
            # Books that cannot be read are told of by the watch, and nothing is matched by not being seen.
            _log.warning("money.unknown", detail=str(error))
            self._views.close()
            self._counted = begun
            return
        # Until the books are read to their end it goes on each second; from then on once a minute is enough.
        self._counted = begun if self._money.complete or not self._money.advanced else None
        told = {
            str(scope).removeprefix(_MONEY_SCOPE)
            for (scope,) in self._database.query(
                "SELECT scope FROM alerts WHERE condition = ? AND state <> 'resolved' LIMIT 100",
                (_MONEY_UNMATCHED,),
            )
        }
        for provider in sorted(told | found.keys()):
            unmatched = found.get(provider)
            if unmatched is None and not self._money.complete:
                continue
            self._keep_told(
                _MONEY_UNMATCHED,
                trouble="" if unmatched is None else _described(unmatched),
                title=f"Money by {provider} stands in no statement of theirs",
                meaning="Compare a newer statement: watchkeeper reconcile. What stays may never have been paid.",
                over="every payment older than a day stands in a statement now",
                scope=f"{_MONEY_SCOPE}{provider}",
                severity="high",
            )

    def _tell_of_proofs(self) -> None:
        if self._proofs is None or self._age(self._proofs) >= _PROOFS_SECONDS:
            self._proofs = self._clock.boot()
            stale.tell(self._data, self._database, clock=self._clock)

    def _keep_told(
        self,
        condition: str,
        *,
        trouble: str,
        title: str,
        meaning: str,
        over: str,
        scope: str = "everything",
        severity: str = "critical",
    ) -> None:
        """Raise an alert while there is trouble, once; resolve it when the same look finds none any more."""
        if bool(trouble) == (alerts.of(self._database, condition=condition, scope=scope) is not None):
            return
        with self._database.transaction("write"):
            alert = alerts.of(self._database, condition=condition, scope=scope)
            if trouble and alert is None:
                alerts.raise_alert(
                    self._database,
                    condition=condition,
                    scope=scope,
                    severity=severity,
                    title=title,
                    detail=f"{trouble}. {meaning}",
                    playbook="",
                    finding_ids=(),
                    by=authority.TELL.cited,
                    at=self._clock.now(),
                )
            elif not trouble and alert is not None:
                alerts.resolve(
                    self._database,
                    alert.id,
                    by=authority.TELL.cited,
                    reason=over,
                    causes=(),
                    at=self._clock.now(),
                )

    def _anchor(self) -> None:
        if self._anchored is not None and self._age(self._anchored) < _ANCHOR_SECONDS:
            return
        self._anchored = self._clock.boot()
        for log in logs.LOGS:
            text = publish.published(self._data, log)
            if text is not None:
                try:
                    repository.anchor_checkpoint(
                        self._data, self._database, log=log, checkpoint_text=text, clock=self._clock
                    )
                except locks.RepositoryBusy:
                    self._anchored = None
                except _TROUBLE as error:
                    self._tell_of_records(error)


def _described(found: Unmatched) -> str:
    """How much, and since when; nobody's name and no reference."""
    many = f"{'at least ' if found.at_least else ''}{found.count:,}"
    return (
        f"{many} of the payments older than a day, {ugx(found.total_ugx)} together, the oldest of {kampala(found.oldest)} "
        "in Kampala"
    )


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
                    stamp = found
                    known = {c.name: c for c in channels.configured(self._data, clock=self._clock)}
                outbox.enqueue(database, list(known), clock=self._clock)
                where = addresses.read(self._data)
                link = "" if where is None else where.control
                if not known or not outbox.send_due(database, known, clock=self._clock, link=link):
                    stopping.wait(_TURN_SECONDS / 5)
            except SettingsWrong as error:
                known = {}
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
                stopping.wait(_SLOW_SECONDS)
            except DatabaseError as error:
                _log.error("sender.failed", detail=str(error))
                stopping.wait(_SLOW_SECONDS)
        database.close()


def _modified(data: Path) -> float | None:
    try:
        return (data / "settings.toml").stat().st_mtime
    except FileNotFoundError:
        return None


def run(data: Path, *, server: socket.socket, beat: int) -> None:
    """Serve and work until told to stop."""
    clock = SystemClock()
    system_id = system_id_of(data)
    # A folder of an earlier version has none.
    token.create_missing(data)
    stopping = threading.Event()
    worker = Worker(data, system_id=system_id, clock=clock)
    sender = Sender(data, system_id=system_id, clock=clock)
    detecting = [
        Detecting(data, system_id=system_id, clock=clock, detectors=detectors)
        for detectors in (of_the_books(), of_the_tiers(data))
    ]
    threads = [
        threading.Thread(target=run, args=(stopping,), name=name, daemon=True)
        for name, run in (
            ("worker", worker.run),
            ("sender", sender.run),
            ("detectors", detecting[0].run),
            ("tiers", detecting[1].run),
        )
    ]
    for thread in threads:
        thread.start()

    def alive() -> bool:
        return worker.alive() and all(one.alive() for one in detecting)

    beating = Beat(beat, alive=alive, on_orphaned=lambda: signal.raise_signal(signal.SIGTERM))
    beating.start()
    try:
        serve(create_app(data, clock=clock), server)
    finally:
        beating.stop()
        stopping.set()
        for thread in threads:
            thread.join(timeout=5)
