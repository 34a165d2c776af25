"""The path from a commit to the record of what was wrong with it: the order of the stages, and one turn of them.

The watch does the first four for every commit, within milliseconds. The control process does the others, from rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog

from watchkeeper.base.clock import Clock, Instant
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.boundary.gate import EVERYTHING, Scope
from watchkeeper.boundary.gatestore import Gate, GateBusy, GateUnreadable
from watchkeeper.operation import authority
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue import INVARIANTS, books
from watchkeeper.operation.catalogue.conditions import CONDITIONS
from watchkeeper.operation.catalogue.model import Draft
from watchkeeper.operation.containment import imposing, lifting
from watchkeeper.operation.containment.imposing import Contained, Stop
from watchkeeper.operation.verifier import findings, verdicts
from watchkeeper.operation.verifier.continuous import Continuous, Pass
from watchkeeper.operation.verifier.findings import Finding

STAGES = (
    "seen",
    "checked",
    "contained",
    "sealed and alerted",
    "told",
    "playbook opened",
    "cured and checked",
    "lifted",
    "recorded",
)

#: An alert, and a record of containment after a crash, names at most so many findings of one rule and scope.
_TOLD_WITH_MAX = 1000

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stopped:
    """A draft with the stop that is in force for it; None when the gate could not be changed."""

    draft: Draft
    seen_at: Instant
    contained: Contained | None


def stop(database: SqliteDatabase, gatefile: Gate, drafts: Iterable[Draft], *, clock: Clock) -> list[Stopped]:
    """Put in force what each new finding stops, before anything is written about it. Known ones are left out."""
    stopped: list[Stopped] = []
    seen: set[str] = set()
    seen_at = clock.now()
    for draft in drafts:
        mark = findings.fingerprint(draft)
        if mark in seen or findings.known(database, draft):
            continue
        seen.add(mark)
        try:
            contained = imposing.impose(
                gatefile, Stop(draft.invariant, draft.scope, draft.classes, draft.detail), clock=clock
            )
        except (GateBusy, GateUnreadable) as error:
            # The finding is written all the same; `complete` tries again at each turn, and the lease is withheld.
            _log.error("containment.failed", rule=draft.invariant, scope=str(draft.scope), error=str(error))
            contained = None
        stopped.append(Stopped(draft, seen_at, contained))
    return stopped


def write(
    database: SqliteDatabase,
    stopped: Sequence[Stopped],
    *,
    watermark: int,
    committed_at: int | None,
    at: Instant,
) -> list[Finding]:
    """Findings, their containment and their alerts, in the caller's transaction; the new findings."""
    noted: list[tuple[Finding, Stopped]] = []
    for entry in stopped:
        finding = findings.note(
            database,
            entry.draft,
            watermark=watermark,
            committed_at=None if committed_at is None else Instant(committed_at),
            seen_at=entry.seen_at,
        )
        if finding is None:
            continue
        noted.append((finding, entry))
        if entry.contained is not None:
            imposing.note(database, finding_id=finding.id, contained=entry.contained)
    by_place: dict[tuple[str, str], list[Finding]] = {}
    for finding, _ in noted:
        by_place.setdefault((finding.invariant, finding.scope), []).append(finding)
    for (invariant, scope), group in by_place.items():
        _alert(database, invariant, scope, group, at=at)
    return [finding for finding, _ in noted]


def _nothing() -> None:
    """Nothing is written beside the findings."""


def take(
    database: SqliteDatabase,
    gatefile: Gate,
    drafts: Iterable[Draft],
    *,
    watermark: int,
    committed_at: int | None,
    clock: Clock,
    beside: Callable[[], None] = _nothing,
) -> list[Finding]:
    """What one look found: stopped first, then written in one transaction with what `beside` writes; the new findings."""
    stopped = stop(database, gatefile, drafts, clock=clock)
    if not stopped and beside is _nothing:
        return []
    with database.transaction("write"):
        noted = write(database, stopped, watermark=watermark, committed_at=committed_at, at=clock.now())
        beside()
    return noted


def take_pass(
    continuous: Continuous, found: Pass, database: SqliteDatabase, gatefile: Gate, *, clock: Clock
) -> list[Finding]:
    """The same of a pass over what is new, with what it read and sealed; the new findings."""
    return take(
        database,
        gatefile,
        found.drafts,
        watermark=found.watermark,
        committed_at=found.committed_at,
        clock=clock,
        beside=lambda: continuous.store(found, database),
    )


def _alert(
    database: SqliteDatabase, invariant: str, scope: str, group: Sequence[Finding], *, at: Instant
) -> None:
    rule = INVARIANTS[invariant]
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    alerts.raise_alert(
        database,
        condition=invariant,
        scope=scope,
        severity=rule.severity,
        title=f"{rule.name} is broken",
        detail=f"{group[0].detail}{more}",
        playbook=rule.playbook,
        finding_ids=[finding.id for finding in group],
        by=authority.TELL.cited,
        at=at,
    )


def complete(database: SqliteDatabase, gatefile: Gate, *, clock: Clock) -> list[str]:
    """Make the two stores agree after whatever happened: restrictions for open findings, alerts for restrictions.

    What could not be completed, in words; the lease is withheld for it. Opens its own transactions.
    """
    left: list[str] = []
    try:
        lifting.drive(database, gatefile, clock=clock)
        restrictions = imposing.active(gatefile)
    except (GateBusy, GateUnreadable) as error:
        return [f"the gate cannot be read: {error}"]
    for stop_ in imposing.missing(database, _wanted(database), restrictions):
        try:
            contained = imposing.impose(gatefile, stop_, clock=clock)
        except (GateBusy, GateUnreadable) as error:
            left.append(f"no restriction for {stop_.rule} on {stop_.scope}: {error}")
            continue
        with database.transaction("write"):
            for finding in _open(database, stop_.rule, str(stop_.scope)):
                imposing.note(database, finding_id=finding.id, contained=contained)
    for restriction in restrictions:
        if restriction.cause == "OPERATOR":
            continue
        scope = str(restriction.scope)
        if alerts.of(database, condition=restriction.rule, scope=scope) is not None:
            continue
        group = _open(database, restriction.rule, scope)
        with database.transaction("write"):
            _alert_for_restriction(
                database, restriction.rule, scope, restriction.reason, group, at=clock.now()
            )
    return left


def _open(database: SqliteDatabase, rule: str, scope: str) -> list[Finding]:
    return findings.open_findings(database, invariant=rule, scope=scope, limit=_TOLD_WITH_MAX)


def _wanted(database: SqliteDatabase) -> list[Stop]:
    wanted: dict[tuple[str, str], Stop] = {}
    for invariant, scope, classes, detail, finding in findings.stopping(database):
        before = wanted.get((invariant, scope))
        together = classes | (before.classes if before is not None else frozenset())
        newest = max(finding, before.newest_finding or 0) if before is not None else finding
        wanted[invariant, scope] = Stop(
            invariant, Scope.parse(scope), together, detail, newest_finding=newest
        )
    return list(wanted.values())


def _alert_for_restriction(
    database: SqliteDatabase,
    rule: str,
    scope: str,
    reason: str,
    group: Sequence[Finding],
    *,
    at: Instant,
) -> None:
    condition = CONDITIONS.get(rule)
    alerts.raise_alert(
        database,
        condition=rule,
        scope=scope,
        severity="critical" if condition is None else condition.severity,
        title=f"{rule if condition is None else condition.title}: restricted",
        detail=reason,
        playbook="" if condition is None else condition.opens,
        finding_ids=[finding.id for finding in group],
        by=authority.TELL.cited,
        at=at,
    )


def unknown(database: SqliteDatabase, gatefile: Gate, overdue: Sequence[str], *, clock: Clock) -> None:
    """Pause money for checks that have been UNKNOWN past their deadline; end the pause of those that hold again."""
    active = imposing.active(gatefile)
    restrictions = {r.rule: r for r in active if r.cause == "UNKNOWN"}
    # A restriction for a finding that stops as much does for both: imposed each second it could never be lifted.
    paused = {r.rule for r in active if r.scope == EVERYTHING and r.classes >= books.MONEY}
    for invariant in overdue:
        if invariant not in paused:
            imposing.impose(
                gatefile,
                Stop(
                    invariant,
                    EVERYTHING,
                    books.MONEY,
                    f"the check of {invariant} does not come to an end",
                    cause="UNKNOWN",
                ),
                clock=clock,
            )
    standing = {view.invariant: view for view in verdicts.current(database, clock=clock)}
    for rule, restriction in restrictions.items():
        view = standing.get(rule)
        holds = view is not None and view.continuous == view.full == verdicts.HOLDS
        if rule not in overdue and holds:
            lifting.release_unknown(database, gatefile, restriction, clock=clock)
            alert = alerts.of(database, condition=rule, scope=str(restriction.scope))
            if alert is not None:
                with database.transaction("write"):
                    alerts.resolve(
                        database,
                        alert.id,
                        by=authority.RELEASE_UNKNOWN.cited,
                        reason="the same check holds again in a fresh pass",
                        causes=(),
                        at=clock.now(),
                    )
