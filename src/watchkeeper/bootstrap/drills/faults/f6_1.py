"""6.1 exposure within the limit: a lock that no trader could pay for."""

from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import OF_AN_ACCOUNT

FAULTS = (
    Fault(
        "forged lock over the limit",
        "6.1",
        (
            "INSERT INTO locks (id, utid, unit_id, trader_id, farmer_id, price_ugx_per_kg, amount_ugx, exposure_before_ugx, "
            "exposure_after_ugx, locked_at, deadline_at) SELECT (SELECT max(id) + 1 FROM locks), '20261124-120000-tra-yyyyyy', "
            "(SELECT max(id) FROM units), {trader}, farmer_id, 130000, 1300000, 0, 900000, locked_at, deadline_at "
            "FROM locks WHERE id = (SELECT max(id) FROM locks)",
        ),
        (Stopped("6.1", ACCOUNT, frozenset({"lock"})), Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, seen="new")),
    ),
)
