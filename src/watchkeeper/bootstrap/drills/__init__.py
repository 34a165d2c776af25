"""Drills: each row of the catalogue proven by its fault, in a fresh copy with nothing running."""

from watchkeeper.bootstrap.drills.faults import FAULTS
from watchkeeper.bootstrap.drills.prepared import Prepared, prepared
from watchkeeper.bootstrap.drills.results import DrillResult, FaultResult, table
from watchkeeper.bootstrap.drills.running import DRILLS, NAMES, in_order, run_drill

__all__ = [
    "DRILLS",
    "FAULTS",
    "NAMES",
    "DrillResult",
    "FaultResult",
    "Prepared",
    "in_order",
    "prepared",
    "run_drill",
    "table",
]
