"""9.2 delivery verification is not half-working: rows of the gate that the operator did not set."""

from watchkeeper.bootstrap.drills.faults.model import EVERYTHING, Fault, Sql, Stopped

_STOPS = (Stopped("9.2", EVERYTHING, frozenset(["verification"]), seen="new"),)

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
)
