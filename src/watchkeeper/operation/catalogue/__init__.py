"""What is watched, and what happens then. The one place of the control room that knows the operated system's nouns."""

from watchkeeper.operation.catalogue.invariants import (
    i1_1_balance,
    i1_2_entries,
    i2_3_way_round,
    i6_1_exposure,
    i7_1_pilot_mode,
)
from watchkeeper.operation.catalogue.model import Invariant

#: The index; a test compares it with the folder.
INVARIANTS: dict[str, Invariant] = {
    module.INVARIANT.id: module.INVARIANT
    for module in (i1_1_balance, i1_2_entries, i2_3_way_round, i6_1_exposure, i7_1_pilot_mode)
}
