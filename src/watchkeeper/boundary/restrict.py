"""Containment's handle on the gate: impose a restriction, lift one.

Only `operation.containment` uses this module (an import contract says so).
"""

from __future__ import annotations

from watchkeeper.base.clock import Clock
from watchkeeper.boundary.gate import OperationClass, Restriction, Scope
from watchkeeper.boundary.gatestore import Gate, restrictions


class EvidenceMoved(Exception):
    """New evidence came in since this was looked at; look again before lifting."""


def active(gatefile: Gate) -> tuple[Restriction, ...]:
    """The restrictions in force now."""
    with gatefile.shared() as database:
        return restrictions(database)


def impose(
    gatefile: Gate,
    *,
    rule: str,
    scope: Scope,
    classes: frozenset[OperationClass],
    cause: str,
    reason: str,
    imposed_by: str,
    clock: Clock,
) -> Restriction:
    """Put a restriction in force; in force for every commit after this returns.

    One restriction stands for one rule and scope. Imposing it again raises its `evidence_seq`, so that
    nobody lifts it on the strength of what was seen before; classes and cause only grow (UNKNOWN may
    become BROKEN, never the other way).
    """
    with gatefile.exclusive() as database:
        present = next((r for r in restrictions(database) if r.rule == rule and r.scope == scope), None)
        if present is not None:
            grown = Restriction(
                id=present.id,
                rule=rule,
                scope=scope,
                classes=present.classes | classes,
                cause=present.cause if cause == "UNKNOWN" else cause,
                reason=present.reason if cause == "UNKNOWN" else reason,
                evidence_seq=present.evidence_seq + 1,
                imposed_by=present.imposed_by,
                imposed_at=present.imposed_at,
            )
            database.execute(
                "UPDATE restrictions SET classes = ?, cause = ?, reason = ?, evidence_seq = ? WHERE id = ?",
                (_text(grown.classes), grown.cause, grown.reason, grown.evidence_seq, grown.id),
            )
            return grown
        last = database.one("SELECT max(id) FROM restrictions")
        identifier = 1 + (int(str(last[0])) if last and last[0] is not None else 0)
        imposed_at = clock.now()
        database.execute(
            "INSERT INTO restrictions (id, rule, scope_kind, scope_key, classes, cause, reason, evidence_seq, "
            "imposed_by, imposed_at) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?)",
            (
                identifier,
                rule,
                scope.kind,
                scope.key,
                _text(classes),
                cause,
                reason,
                imposed_by,
                imposed_at,
            ),
        )
        return Restriction(
            id=identifier,
            rule=rule,
            scope=scope,
            classes=classes,
            cause=cause,
            reason=reason,
            evidence_seq=1,
            imposed_by=imposed_by,
            imposed_at=imposed_at,
        )


def lift(
    gatefile: Gate, *, restriction_id: int, evidence_seq: int, by: str, reason: str, clock: Clock
) -> bool:
    """Lift a restriction whose evidence is still what was looked at; False when it was lifted already.

    Raises `EvidenceMoved` when it was imposed again meanwhile.
    """
    with gatefile.exclusive() as database:
        row = database.one(
            "SELECT evidence_seq FROM restrictions WHERE id = ? AND lifted_at IS NULL", (restriction_id,)
        )
        if row is None:
            return False
        changed = database.execute(
            "UPDATE restrictions SET lifted_by = ?, lift_reason = ?, lifted_at = ? "
            "WHERE id = ? AND lifted_at IS NULL AND evidence_seq = ?",
            (by, reason, clock.now(), restriction_id, evidence_seq),
        )
        if changed != 1:
            raise EvidenceMoved(EvidenceMoved.__doc__)
    return True


def _text(classes: frozenset[OperationClass]) -> str:
    return " ".join(sorted(item.value for item in classes))
