"""The faults, a file for each invariant: what somebody with the database file would do, and all that must stop for it."""

from watchkeeper.bootstrap.drills.faults import (
    f1_1,
    f1_2,
    f1_3,
    f2_1,
    f2_2,
    f2_3,
    f3_1,
    f3_2,
    f3_3,
    f4_1,
    f4_2,
    f5_1,
    f5_2,
    f5_3,
    f6_1,
    f6_2,
    f7_1,
    f7_2,
    f8_1,
    f8_2,
    f9_1,
    f9_2,
    f9_3,
    f10_1,
    f10_2,
)
from watchkeeper.bootstrap.drills.faults.model import Fault

#: The index; a test compares it with the folder.
FAULTS: tuple[Fault, ...] = tuple(
    fault
    for module in (
        f1_1,
        f1_2,
        f1_3,
        f2_1,
        f2_2,
        f2_3,
        f3_1,
        f3_2,
        f3_3,
        f4_1,
        f4_2,
        f5_1,
        f5_2,
        f5_3,
        f6_1,
        f6_2,
        f7_1,
        f7_2,
        f8_1,
        f8_2,
        f9_1,
        f9_2,
        f9_3,
        f10_1,
        f10_2,
    )
    for fault in module.FAULTS
)
