"""The state of the system on one page, read in one go; every age judged here, by boot time.

Missing, stale or unreadable is said as such: nothing on it is green by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from watchkeeper.base.clock import Clock, Instant
from watchkeeper.base.database import DatabaseError, SqliteDatabase
from watchkeeper.boundary import turning
from watchkeeper.boundary.gate import (
    IN_USE,
    STOP_FILE_NAME,
    GateState,
    OperationClass,
    Refused,
    Restriction,
    Switch,
    decide,
)
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.gatestore import GateBusy, GateUnreadable
from watchkeeper.boundary.lease import PROBE_SECONDS_MAX, SILENT_AFTER_SECONDS, LeaseStore
from watchkeeper.boundary.views import JOURNAL, Views
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue import INVARIANTS, unexplained, unrecovered
from watchkeeper.operation.catalogue.unrecovered import Unrecovered
from watchkeeper.operation.console import beside, stopwatch
from watchkeeper.operation.console.beside import Field
from watchkeeper.operation.console.goes_on import GoesOn, Tally
from watchkeeper.operation.console.stopwatch import Stopwatch
from watchkeeper.operation.incidents import cases
from watchkeeper.operation.incidents import life as incidents
from watchkeeper.operation.incidents.model import CLOSED
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.verifier import deadlines, findings, passes, verdicts

_LISTED_MAX = 50
_CLOSED_SHOWN = 5
_FIELDS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class VerdictView:
    """One invariant: its verdict as of now, how old and how old at most, by which kind of pass."""

    invariant: str
    name: str
    verdict: str
    age_seconds: float | None
    deadline_seconds: int
    full_verdict: str
    full_age_seconds: float | None
    full_deadline_seconds: int
    detail: str


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert with its clock: seconds until a response is due, negative when it is late."""

    id: int
    condition: str
    scope: str
    severity: str
    title: str
    detail: str
    state: str
    raised_at: Instant
    due_seconds: float | None
    responded_by: str | None
    run_id: int | None
    incident: str | None


@dataclass(frozen=True, slots=True)
class StepView:
    """A step of an open playbook."""

    key: str
    title: str
    teaches: str
    kind: str
    state: str
    actions: tuple[str, ...]
    by: str | None
    note: str | None
    evidence_digest: str | None
    current: bool


@dataclass(frozen=True, slots=True)
class FindingView:
    """An open finding of a playbook: where, and the fields that are not as they were sealed."""

    id: int
    table_name: str
    row_key: str
    detail: str
    differs: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class RunView:
    """An open playbook with its steps and the findings it is about."""

    id: int
    playbook: str
    title: str
    rule: str
    scope: str
    alert_id: int
    incident: str | None
    steps: tuple[StepView, ...]
    findings: tuple[FindingView, ...]


@dataclass(frozen=True, slots=True)
class ClosedView:
    """An incident that was closed lately, and the signed commit that holds its record; None while it is being written."""

    incident: str
    title: str
    severity: str
    closed_at: Instant | None
    commit: str | None


@dataclass(frozen=True, slots=True)
class RestrictionView:
    """A restriction in force."""

    id: int
    rule: str
    scope: str
    classes: tuple[str, ...]
    cause: str
    reason: str
    evidence_seq: int
    imposed_at: int
    imposed_by: str


@dataclass(frozen=True, slots=True)
class SwitchView:
    """A switch, its holds, and whether its last probe shows that it bites."""

    switch: str
    engaged: bool
    holds: tuple[str, ...]
    bites: str
    probe_age_seconds: float | None


@dataclass(frozen=True, slots=True)
class WatchView:
    """The watch itself: is it heard, how far has it read, what keeps the lease back."""

    heard: bool
    lease_age_seconds: float | None
    withheld: str
    watermark: int
    #: Journal rows that the watch has not read yet; None when that cannot be told.
    behind: int | None
    sealed: int
    full_pass: str
    #: What a failover of the database server may lose; empty for embedded books.
    failover: str = ""


@dataclass(slots=True)
class Overview:
    """Everything on one page."""

    system_id: str
    at: Instant
    verdicts: list[VerdictView] = field(default_factory=list)
    #: The deadlines of verdicts in words.
    deadlines: str = ""
    alerts: list[AlertView] = field(default_factory=list)
    restrictions: list[RestrictionView] = field(default_factory=list)
    switches: list[SwitchView] = field(default_factory=list)
    runs: list[RunView] = field(default_factory=list)
    stopwatches: list[Stopwatch] = field(default_factory=list)
    watch: WatchView | None = None
    closed: list[ClosedView] = field(default_factory=list)
    goes_on: GoesOn | None = None
    works: list[str] = field(default_factory=list)
    stopped: dict[str, str] = field(default_factory=dict)
    partly: dict[str, list[str]] = field(default_factory=dict)
    #: Feature -> off or half on, of those that are not on.
    features: dict[str, str] = field(default_factory=dict)
    acknowledged_for_ever: int = 0
    #: Provider -> until when its statements were compared; empty while none ever was, None while that cannot be read.
    compared: dict[str, Instant] | None = None
    #: Payments older than a day that stand on one side only, as of the control room's last look.
    unexplained_payments: int = 0
    #: What corrections could not take and nobody has waived; None while that cannot be read.
    unrecovered: list[Unrecovered] | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def worst(self) -> str:
        """BROKEN, UNKNOWN or HOLDS for the whole: the worst of all verdicts, UNKNOWN when there is none."""
        if self.problems or not self.verdicts or self.watch is None or not self.watch.heard:
            fallback = "UNKNOWN"
        else:
            fallback = "HOLDS"
        found = {view.verdict for view in self.verdicts} | {view.full_verdict for view in self.verdicts}
        if "BROKEN" in found:
            return "BROKEN"
        return "UNKNOWN" if "UNKNOWN" in found else fallback

    def document(self) -> dict[str, object]:
        """The overview as JSON has it."""
        return asdict(self) | {"worst": self.worst}


class Overlook:
    """Reads the overview. Belongs to one thread at a time."""

    def __init__(self, data: Path, *, system_id: str, database: SqliteDatabase, clock: Clock) -> None:
        self._stop_file = data / STOP_FILE_NAME
        self._system_id = system_id
        self._database = database
        self._gatefile = open_gate(data, system_id=system_id, role="control")
        self._lease = LeaseStore(data, system_id=system_id, role="control")
        self._clock = clock
        self._views = Views(data, system_id=system_id)
        self._tally = Tally(self._views)

    def close(self) -> None:
        """Give the files back."""
        self._views.close()
        self._gatefile.close()
        self._lease.close()

    def read(self) -> Overview:
        """The state as of now. A part that cannot be read is a problem on the page, never a gap."""
        overview = Overview(self._system_id, self._clock.now())
        self._read_gate_and_lease(overview)
        try:
            with self._database.transaction("read"):
                self._read_store(overview)
        except DatabaseError as error:
            overview.problems.append(f"The control room's own store cannot be read: {error}")
        try:
            self._read_books(overview)
        except DatabaseError as error:
            overview.problems.append(f"The books cannot be read: {error}")
        return overview

    def _read_books(self, overview: Overview) -> None:
        overview.compared = {
            str(provider): Instant(int(str(until)))
            for provider, until in self._views.database.query(
                "SELECT provider, max(until) FROM watch_reconciliations GROUP BY provider LIMIT 50"
            )
        }
        overview.unrecovered = unrecovered.standing(self._views, limit=_LISTED_MAX)
        if overview.watch is not None:
            behind = max(0, self._views.last(JOURNAL) - overview.watch.watermark)
            overview.watch = replace(overview.watch, behind=behind, failover=self._views.at_a_failover())
        if overview.restrictions:
            since = Instant(min(restriction.imposed_at for restriction in overview.restrictions))
            overview.goes_on = self._tally.read(since)

    def _read_gate_and_lease(self, overview: Overview) -> None:
        state: GateState | None = None
        try:
            with self._gatefile.shared() as gate:
                generation, holds, restrictions = self._gatefile.read(gate)
                overview.features = {
                    found.feature.name: found.state for found in turning.states(gate) if found.state != "on"
                }
            state = GateState(generation, holds, restrictions, lease_silent=False, stop_file=False)
        except (GateUnreadable, GateBusy) as error:
            overview.problems.append(f"The gate cannot be read, so everything stands still: {error}")
        heard = self._read_lease(overview)
        if state is None:
            overview.stopped = dict.fromkeys(sorted(OperationClass), "the gate cannot be read")
            return
        state = GateState(
            state.generation,
            state.holds,
            state.restrictions,
            lease_silent=not heard,
            stop_file=self._stop_file.exists(),
        )
        overview.restrictions = [_restriction(r) for r in state.restrictions]
        self._read_switches(overview, state)
        _say_what_works(overview, state)

    def _read_lease(self, overview: Overview) -> bool:
        try:
            row = self._lease.row()
        except DatabaseError as error:
            overview.problems.append(f"The lease cannot be read: {error}")
            return False
        age = self._clock.boot().seconds_since(row.written)
        heard = age is not None and age <= SILENT_AFTER_SECONDS and not row.withheld
        overview.watch = WatchView(
            heard=heard,
            lease_age_seconds=age,
            withheld=row.withheld,
            watermark=row.watermark,
            behind=None,
            sealed=0,
            full_pass="",
        )
        if age is None or age > SILENT_AFTER_SECONDS:
            overview.problems.append("The watch is silent. Money stands still until it is back.")
        elif row.withheld:
            overview.problems.append(f"The watch withholds its lease: {row.withheld}.")
        return heard

    def _read_switches(self, overview: Overview, state: GateState) -> None:
        try:
            probes = {probe.switch: probe for probe in self._lease.probes()}
        except DatabaseError:
            probes = {}
        for switch in Switch:
            probe = probes.get(switch.value)
            age = None if probe is None else self._clock.boot().seconds_since(probe.probed)
            bites = "UNKNOWN"
            if probe is not None and age is not None and age <= PROBE_SECONDS_MAX:
                bites = "yes" if probe.bites else "NO"
            overview.switches.append(
                SwitchView(
                    switch.value,
                    state.engaged(switch),
                    tuple(sorted(hold for held, hold in state.holds if held is switch)),
                    bites,
                    age,
                )
            )

    def _read_store(self, overview: Overview) -> None:
        database = self._database
        overview.deadlines = deadlines.kept(database).words()
        overview.unexplained_payments = unexplained.counted(database)
        for view in verdicts.current(database, clock=self._clock):
            overview.verdicts.append(
                VerdictView(
                    view.invariant,
                    INVARIANTS[view.invariant].name,
                    view.continuous,
                    view.continuous_age_seconds,
                    view.continuous_deadline_seconds,
                    view.full,
                    view.full_age_seconds,
                    view.full_deadline_seconds,
                    view.detail,
                )
            )
        for alert in alerts.listed(database, limit=_LISTED_MAX):
            run = runs.of_alert(database, alert.id)
            overview.alerts.append(
                AlertView(
                    id=alert.id,
                    condition=alert.condition,
                    scope=alert.scope,
                    severity=alert.severity,
                    title=alert.title,
                    detail=alert.detail,
                    state=alert.state,
                    raised_at=alert.raised_at,
                    due_seconds=None
                    if alert.responded_at is not None
                    else (alert.due_at - overview.at) / 1_000_000,
                    responded_by=alert.responded_by,
                    run_id=None if run is None else run.id,
                    incident=cases.of_alert(database, alert.id),
                )
            )
        for run in runs.listed(database, limit=_LISTED_MAX):
            overview.runs.append(_run(database, run, cases.of_alert(database, run.alert_id)))
        overview.stopwatches = stopwatch.latest(database, limit=10)
        for incident in incidents.listed(database, state="closed", limit=_CLOSED_SHOWN):
            records = cases.texts(database, incident.id)
            overview.closed.append(
                ClosedView(
                    incident.id,
                    incident.title,
                    incident.severity,
                    incident.closed_at,
                    next((commit for name, _, commit in records if name == CLOSED), None),
                )
            )
        newest = passes.latest(database)
        if overview.watch is not None:
            overview.watch = replace(
                overview.watch,
                sealed=logs.size(database, logs.MAIN),
                full_pass="" if newest is None else newest.words,
            )
        overview.acknowledged_for_ever = findings.count(database, state="acknowledged")


def _restriction(restriction: Restriction) -> RestrictionView:
    return RestrictionView(
        id=restriction.id,
        rule=restriction.rule,
        scope=str(restriction.scope),
        classes=tuple(sorted(restriction.classes)),
        cause=restriction.cause,
        reason=restriction.reason,
        evidence_seq=restriction.evidence_seq,
        imposed_at=restriction.imposed_at,
        imposed_by=restriction.imposed_by,
    )


def _run(database: SqliteDatabase, run: runs.Run, incident: str | None) -> RunView:
    states = runs.steps(database, run)
    current = next((s.step.key for s in states if not s.done and s.step.kind == "required"), None)
    return RunView(
        id=run.id,
        playbook=run.playbook,
        title=run.definition.title,
        rule=run.rule,
        scope=run.scope,
        alert_id=run.alert_id,
        incident=incident,
        steps=tuple(
            StepView(
                key=state.step.key,
                title=state.step.title,
                teaches=state.step.teaches,
                kind=state.step.kind.value,
                state=state.state,
                actions=tuple(action.value for action in state.step.actions),
                by=state.by,
                note=state.note,
                evidence_digest=state.evidence_digest,
                current=state.step.key == current,
            )
            for state in states
        ),
        findings=tuple(
            FindingView(
                f.id,
                f.table_name,
                f.row_key,
                f.detail,
                tuple(field for field in beside.fields(f) if field.differs)[:_FIELDS_SHOWN],
            )
            for f in findings.open_findings(database, invariant=run.rule, scope=run.scope, limit=_LISTED_MAX)
        ),
    )


#: What people do, as the page lists it; what only the system or a cure does is left out.
_SHOWN: Sequence[OperationClass] = tuple(
    item
    for item in OperationClass
    if item in IN_USE and item not in (OperationClass.CURE, OperationClass.NEVER_STOPPED)
)


def _say_what_works(overview: Overview, state: GateState) -> None:
    for item in _SHOWN:
        classes = frozenset({item})
        try:
            decide(state, command=None, classes=classes, touched=())
        except Refused as refused:
            overview.stopped[item.value] = refused.code
            continue
        covered = [str(r.scope) for r in state.restrictions if r.classes & classes]
        if covered:
            overview.partly[item.value] = covered
        else:
            overview.works.append(item.value)
