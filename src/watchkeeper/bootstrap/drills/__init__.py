"""Drills: each row of the catalogue proven by its fault, in a fresh copy with nothing running."""

from watchkeeper.bootstrap.drills.faults import FAULTS
from watchkeeper.bootstrap.drills.results import DrillResult, FaultResult, table
from watchkeeper.bootstrap.drills.running import DRILLS, in_order, run_drill

__all__ = ["DRILLS", "FAULTS", "DrillResult", "FaultResult", "in_order", "run_drill", "table"]
