"""Telling: what a look saw becomes alerts by their condition, with the playbook or its steps; what is gone ends them."""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.operation import authority
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.alerts.life import Alert
from watchkeeper.operation.catalogue.conditions import CONDITIONS
from watchkeeper.operation.catalogue.signs.model import Sign
from watchkeeper.operation.detectors.model import Gone


def tell(database: Database, sign: Sign, *, at: Instant) -> Alert | None:
    """Raise the alert of a sign, in the caller's transaction. What lasts and is told already is not told again."""
    condition = CONDITIONS[sign.condition]
    severity = sign.severity or condition.severity
    if condition.lasts:
        known = alerts.of(database, condition=condition.id, scope=sign.scope)
        if known is not None and not _worse(severity, known.severity):
            return None
    detail = sign.detail if not condition.words else f"{sign.detail}. What to do: {condition.words}"
    return alerts.raise_alert(
        database,
        condition=condition.id,
        scope=sign.scope,
        severity=severity,
        title=condition.title,
        detail=detail,
        playbook=condition.opens,
        finding_ids=(),
        by=authority.TELL.cited,
        at=at,
    )


def _worse(severity: str, than: str) -> bool:
    return alerts.SEVERITIES.index(severity) < alerts.SEVERITIES.index(than)


def end(database: Database, gone: Iterable[Gone], *, at: Instant) -> None:
    """Resolve the alerts whose cause a fresh look no longer found, in the caller's transaction."""
    for cause in gone:
        alert = alerts.of(database, condition=cause.condition, scope=cause.scope)
        if alert is not None:
            alerts.resolve(database, alert.id, by=authority.TELL.cited, reason=cause.reason, causes=(), at=at)
