"""9.2 delivery verification is not half-working: rows of the gate that the operator did not set, and a rule that is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.faults import reports
from watchkeeper.bootstrap.drills.faults.model import EVERYTHING, Fault, Sql, Stopped

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World

_STOPS = (Stopped("9.2", EVERYTHING, frozenset(["verification"]), seen="new"),)


def _rule_lost(world: World) -> None:
    reports.wrongly(
        world,
        "UPDATE feature_probes SET answer = 'AttributeError: no such rule' WHERE command = 'reverse_lock'",
    )


FAULTS = (
    Fault(
        "the reversal's row switched off",
        "9.2",
        (Sql(("UPDATE features SET enabled = 0 WHERE command = 'reverse_lock'",), store="gate"),),
        _STOPS,
        spoils=frozenset(["reversal"]),
    ),
    Fault(
        "the verification's row given to another feature",
        "9.2",
        (Sql(("UPDATE features SET feature = 'notices' WHERE command = 'verify_delivery'",), store="gate"),),
        _STOPS,
        spoils=frozenset(["delivered", "late"]),
    ),
    Fault("the reversal's rule lost", "9.2", (_rule_lost,), _STOPS, cure=reports.mended),
)
