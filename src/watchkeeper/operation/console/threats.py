"""Every threat as of now: what shows it, when that was last looked at, and whether something was seen."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Database
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue import INVARIANTS, conditions
from watchkeeper.operation.catalogue.threats import AWAITED, THREATS, Threat
from watchkeeper.operation.detectors import looks, thresholds
from watchkeeper.operation.detectors.looks import QUIET, SEEN, UNKNOWN, Seen
from watchkeeper.operation.verifier import verdicts
from watchkeeper.operation.verifier.verdicts import Standing

_ALERTS_MAX = 1_000
_WORSE = (QUIET, UNKNOWN, SEEN)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that shows a threat: an invariant or a detector, its state, and when it last looked, in seconds."""

    kind: str
    name: str
    state: str
    age_seconds: float | None
    value: int | None
    value_max: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class ThreatView:
    """A threat with its evidence. `state` is SEEN while an alert of it is open, whatever the last look says."""

    id: str
    name: str
    severity: str
    state: str
    contained: str
    playbook: str
    alerts: tuple[int, ...]
    evidence: tuple[Evidence, ...]

    @property
    def age_seconds(self) -> float | None:
        """The age of the oldest last look; None when something never looked on this boot."""
        ages = [one.age_seconds for one in self.evidence]
        known = [age for age in ages if age is not None]
        return max(known) if len(known) == len(ages) and known else None


def current(database: Database, *, clock: Clock) -> list[ThreatView]:
    """Every threat. What is old, of another boot or was never looked at is UNKNOWN."""
    seen = looks.current(database, clock=clock)
    held = {view.invariant: view for view in verdicts.current(database, clock=clock)}
    limit = thresholds.kept(database)["detector_silent_seconds"]
    open_alerts: dict[str, list[int]] = {}
    for alert in alerts.listed(database, limit=_ALERTS_MAX):
        open_alerts.setdefault(alert.condition, []).append(alert.id)
    return [_view(threat, seen, held, open_alerts, limit=limit) for threat in THREATS.values()]


def _view(
    threat: Threat,
    seen: dict[str, Seen],
    held: dict[str, Standing],
    open_alerts: dict[str, list[int]],
    *,
    limit: int,
) -> ThreatView:
    evidence = [_of_invariant(name, held.get(name)) for name in threat.invariants]
    evidence += [_of_detector(name, seen.get(name), limit=limit) for name in threat.detectors]
    raised = tuple(
        number
        for condition in conditions.of_threat(threat.id)
        for number in open_alerts.get(condition.id, ())
    )
    worst = max((one.state for one in evidence), key=_WORSE.index, default=UNKNOWN)
    return ThreatView(
        id=threat.id,
        name=threat.name,
        severity=threat.severity,
        state=SEEN if raised else worst,
        contained=threat.contained,
        playbook=threat.playbook,
        alerts=raised,
        evidence=tuple(evidence),
    )


def _of_invariant(name: str, view: Standing | None) -> Evidence:
    if view is None or name not in INVARIANTS:
        return Evidence("invariant", name, UNKNOWN, None, None, None, "this invariant has no check yet")
    words = {view.continuous, view.full}
    state = SEEN if verdicts.BROKEN in words else UNKNOWN if verdicts.UNKNOWN in words else QUIET
    return Evidence("invariant", name, state, view.continuous_age_seconds, None, None, view.detail)


def _of_detector(name: str, seen: Seen | None, *, limit: int) -> Evidence:
    if name in AWAITED:
        age = None if seen is None else seen.age_seconds
        return Evidence("detector", name, UNKNOWN, age, None, None, AWAITED[name])
    if seen is None:
        return Evidence("detector", name, UNKNOWN, None, None, None, "it has never looked")
    fresh = seen.age_seconds is not None and 0 <= seen.age_seconds <= limit
    return Evidence(
        "detector",
        name,
        seen.state if fresh else UNKNOWN,
        seen.age_seconds,
        seen.value,
        seen.value_max,
        seen.detail if fresh else f"too old to say anything: {seen.detail}",
    )
