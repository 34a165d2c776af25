"""Drills: each invariant proven by its fault, in a fresh copy with nothing running."""

from watchkeeper.bootstrap.drills.faults import FAULTS
from watchkeeper.bootstrap.drills.play import DrillResult, run_drill

#: Drill id -> the faults that prove it.
DRILLS = {
    invariant: tuple(f for f in FAULTS if f.proves == invariant)
    for invariant in sorted({f.proves for f in FAULTS})
}

__all__ = ["DRILLS", "DrillResult", "run_drill"]
