"""9.1 purchase is not half-working: rows of the gate that the operator did not set, and a rule that is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.faults import reports
from watchkeeper.bootstrap.drills.faults.model import EVERYTHING, Fault, Sql, Stopped

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World

_STOPS = (Stopped("9.1", EVERYTHING, frozenset(["purchase"]), seen="new"),)


def _gate(statement: str) -> tuple[Sql, ...]:
    return (Sql((statement,), store="gate"),)


def _rule_lost(world: World) -> None:
    reports.wrongly(
        world, "UPDATE feature_probes SET answer = 'AttributeError: no such rule' WHERE command = 'pickup'"
    )


FAULTS = (
    Fault(
        "the pickup's row switched off",
        "9.1",
        _gate("UPDATE features SET enabled = 0 WHERE command = 'pickup'"),
        _STOPS,
        spoils=frozenset(["pickup"]),
    ),
    Fault(
        "the cancellation's row gone",
        "9.1",
        _gate("DELETE FROM features WHERE command = 'cancel_purchase'"),
        _STOPS,
        spoils=frozenset(["purchase's end"]),
    ),
    Fault(
        "all of it switched off past the operator",
        "9.1",
        _gate("UPDATE features SET enabled = 0 WHERE feature = 'purchase'"),
        _STOPS,
        spoils=frozenset(["purchase", "purchase's end", "pickup"]),
    ),
    Fault("the pickup's rule lost", "9.1", (_rule_lost,), _STOPS, cure=reports.mended),
)
