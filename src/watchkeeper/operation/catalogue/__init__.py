"""What is watched, and what happens then. The one place of the control room that knows the operated system's nouns."""

from watchkeeper.operation.catalogue.invariants import (
    i1_1_balance,
    i1_2_entries,
    i1_3_overwrites,
    i2_1_authorization,
    i2_2_admins,
    i2_3_way_round,
    i3_1_own_role,
    i3_2_bypassing,
    i3_3_identities,
    i4_1_utids,
    i4_2_actions_have_utids,
    i5_1_admin_log,
    i5_2_storage_fees,
    i5_3_rate_limits,
    i6_1_exposure,
    i6_2_atomic,
    i7_1_pilot_mode,
    i7_2_purchase_window,
    i8_1_admin_actions_logged,
    i8_2_traceable,
    i9_1_purchase,
    i9_2_verification,
    i9_3_storage_fee,
    i10_1_autonomous_acts,
    i10_2_automatic_reversals,
)
from watchkeeper.operation.catalogue.model import Invariant

#: The index, in the order in which the checks run; a test compares it with the folder.
INVARIANTS: dict[str, Invariant] = {
    module.INVARIANT.id: module.INVARIANT
    for module in (
        i1_1_balance,
        i1_2_entries,
        i1_3_overwrites,
        i2_1_authorization,
        i2_2_admins,
        i2_3_way_round,
        i3_1_own_role,
        i3_2_bypassing,
        i3_3_identities,
        i4_1_utids,
        i4_2_actions_have_utids,
        i5_1_admin_log,
        i5_2_storage_fees,
        i5_3_rate_limits,
        i6_1_exposure,
        i6_2_atomic,
        i7_1_pilot_mode,
        i7_2_purchase_window,
        i8_1_admin_actions_logged,
        i8_2_traceable,
        i9_1_purchase,
        i9_2_verification,
        i9_3_storage_fee,
        i10_1_autonomous_acts,
        i10_2_automatic_reversals,
    )
}
