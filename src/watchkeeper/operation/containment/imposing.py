"""Imposing: what a finding stops is in force before anything else is written about it.

The gate shares no transaction with the control room's store. So the restriction comes first; what a
crash leaves between the two is found and completed by `missing`, from either side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from watchkeeper.base.clock import Clock, Instant
from watchkeeper.base.database import Database
from watchkeeper.boundary import restrict
from watchkeeper.boundary.gate import OperationClass, Restriction, Scope
from watchkeeper.boundary.gatestore import Gate
from watchkeeper.operation import authority


@dataclass(frozen=True, slots=True)
class Stop:
    """What is to be stopped, by which rule, and why."""

    rule: str
    scope: Scope
    classes: frozenset[OperationClass]
    reason: str
    cause: str = "BROKEN"
    #: The number of the newest finding that asks for it; None for a stop that no finding asks for.
    newest_finding: int | None = None


@dataclass(frozen=True, slots=True)
class Contained:
    """A stop in force since `at`."""

    restriction: Restriction
    at: Instant


def impose(gatefile: Gate, stop: Stop, *, clock: Clock) -> Contained:
    """Put a stop in force by the documented authority; raises `GateBusy` or `GateUnreadable`."""
    restriction = restrict.impose(
        gatefile,
        rule=stop.rule,
        scope=stop.scope,
        classes=stop.classes,
        cause=stop.cause,
        reason=stop.reason,
        imposed_by=authority.RESTRICT.cited,
        clock=clock,
    )
    return Contained(restriction, clock.now())


def impose_by_hand(
    gatefile: Gate,
    *,
    scope: Scope,
    classes: frozenset[OperationClass],
    by: str,
    reason: str,
    clock: Clock,
) -> Restriction:
    """Put the operator's own stop in force; each scope has at most one."""
    return restrict.impose(
        gatefile,
        rule="operator",
        scope=scope,
        classes=classes,
        cause="OPERATOR",
        reason=reason,
        imposed_by=by,
        clock=clock,
    )


def note(database: Database, *, finding_id: int, contained: Contained) -> None:
    """Record, in the caller's transaction, that this finding is contained; the first time counts."""
    restriction = contained.restriction
    database.execute(
        "INSERT INTO containments (finding_id, restriction_id, rule, scope, classes, contained_at) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (finding_id) DO NOTHING",
        (
            finding_id,
            restriction.id,
            restriction.rule,
            str(restriction.scope),
            " ".join(sorted(restriction.classes)),
            contained.at,
        ),
    )


def active(gatefile: Gate) -> tuple[Restriction, ...]:
    """The restrictions in force; raises `GateBusy` or `GateUnreadable`."""
    return restrict.active(gatefile)


def overridden(database: Database, stop: Stop) -> bool:
    """Whether the operator lifted the last restriction of this rule and scope against the check's word.

    That counts for what was found by then; a finding of later is contained like the first.
    """
    row = database.one(
        "SELECT override, newest_finding FROM lifts WHERE rule = ? AND scope = ? AND outcome = 'lifted' "
        "ORDER BY id DESC LIMIT 1",
        (stop.rule, str(stop.scope)),
    )
    if row is None or row[0] != 1:
        return False
    return stop.newest_finding is None or stop.newest_finding <= int(str(row[1]))


def missing(database: Database, stops: Iterable[Stop], restrictions: Iterable[Restriction]) -> list[Stop]:
    """The stops that ought to be in force and are not; what the operator overrode is not among them."""
    present = {(r.rule, r.scope): r.classes for r in restrictions}
    found: list[Stop] = []
    for stop in stops:
        classes = present.get((stop.rule, stop.scope))
        if classes is not None and stop.classes <= classes:
            continue
        if classes is None and overridden(database, stop):
            continue
        found.append(stop)
    return found


def contained_at(database: Database, finding_id: int) -> Instant | None:
    """When this finding's stop came into force."""
    row = database.one("SELECT contained_at FROM containments WHERE finding_id = ?", (finding_id,))
    return None if row is None else Instant(int(str(row[0])))


def first_contained_at(database: Database, *, rule: str, scope: str) -> Instant | None:
    """When the first stop of this rule on this scope came into force that a finding is contained by."""
    row = database.one(
        "SELECT min(contained_at) FROM containments WHERE rule = ? AND scope = ?", (rule, scope)
    )
    return None if row is None or row[0] is None else Instant(int(str(row[0])))
