"""Telling of money that stands on one side only: raised again for what is new, said anew when it is less, over when nothing is left."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from watchkeeper.base.clock import Instant, kampala
from watchkeeper.base.database import Database
from watchkeeper.base.money import ugx
from watchkeeper.operation import authority
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue import unexplained
from watchkeeper.operation.catalogue.conditions import CONDITIONS
from watchkeeper.operation.catalogue.unexplained import UNBOOKED, UNMATCHED, Change, Overdue, Unmatched

SCOPE = "provider:"
_PROVIDERS_MAX = 100
_FULL = "The list is full: what comes now is not told before some of these are matched or explained. "
#: Condition -> what is wrong with the payments, and what has come about when none is left.
_WORDS: Mapping[str, tuple[str, str]] = {
    UNMATCHED: (
        "stand in no statement as they are booked",
        "every payment older than a day stands in a statement now, or was explained",
    ),
    UNBOOKED: (
        "stand in a statement of theirs and in no book as it says",
        "every payment of a statement older than a day is booked now, or was explained",
    ),
}


def scope_of(provider: str) -> str:
    """What an alert about a provider's money covers."""
    return f"{SCOPE}{provider}"


def tell(
    database: Database,
    condition: str,
    found: Mapping[str, Unmatched],
    *,
    complete: bool,
    reading: bool,
    settled: Collection[Overdue] = (),
    full: bool = False,
    at: Instant,
) -> None:
    """Keep what is overdue and tell what came of it, in the caller's transaction. Nothing ends before all was read.

    While it is read on (`reading`), portion after portion, a provider is told once; what else there is waits for the last one.
    Where there is no room for more (`full`), that is told once: what comes then is not seen.
    """
    told = {
        str(scope).removeprefix(SCOPE)
        for (scope,) in database.query(
            "SELECT scope FROM alerts WHERE condition = ? AND state <> 'resolved' LIMIT ?",
            (condition, _PROVIDERS_MAX),
        )
    }
    if reading:
        found = {provider: unmatched for provider, unmatched in found.items() if provider not in told}
    changes = unexplained.keep(database, condition, found, complete=complete, settled=settled)
    for provider in sorted(told | found.keys()):
        unmatched = found.get(provider)
        change = changes.get(provider, Change(more=False, fewer=False))
        if unmatched is None:
            if complete:
                _end(database, condition, provider, at=at)
            continue
        alert = alerts.of(database, condition=condition, scope=scope_of(provider))
        was_full, is_full = alert is not None and _FULL in alert.detail, full or change.full
        detail = _detail(condition, unmatched, full=is_full)
        if change.more or alert is None or (is_full and not was_full):
            _raise(database, condition, unmatched, detail, at=at)
        elif change.fewer or was_full != is_full:
            alerts.restate(database, condition=condition, scope=scope_of(provider), detail=detail)


def _raise(database: Database, condition: str, unmatched: Unmatched, detail: str, *, at: Instant) -> None:
    known = CONDITIONS[condition]
    alerts.raise_alert(
        database,
        condition=condition,
        scope=scope_of(unmatched.provider),
        severity=known.severity,
        title=f"{known.title}: {unmatched.provider}",
        detail=detail,
        playbook=known.opens,
        finding_ids=(),
        by=authority.TELL.cited,
        at=at,
    )


def _end(database: Database, condition: str, provider: str, *, at: Instant) -> None:
    alert = alerts.of(database, condition=condition, scope=scope_of(provider))
    if alert is not None:
        reason = _WORDS[condition][1]
        alerts.resolve(database, alert.id, by=authority.TELL.cited, reason=reason, causes=(), at=at)


def _detail(condition: str, found: Unmatched, *, full: bool) -> str:
    """How much, since when, and what to do; nobody's name and no reference."""
    many = f"{'at least ' if found.at_least else ''}{found.count:,}"
    return (
        f"{many} of the payments older than a day, {ugx(found.total_ugx)} together, the oldest of {kampala(found.oldest)} "
        f"in Kampala, {_WORDS[condition][0]}. {_FULL if full else ''}What to do: {CONDITIONS[condition].words}"
    )
