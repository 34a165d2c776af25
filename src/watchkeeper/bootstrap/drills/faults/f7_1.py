"""7.1 pilot mode stops money: deposits while it is on, without and with a journal row."""

from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, EVERYTHING, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import MONEY, OF_AN_ACCOUNT, PATCH, deposit, journal_row

_LOCKED = (
    "INSERT INTO locks (id, utid, unit_id, trader_id, farmer_id, price_ugx_per_kg, amount_ugx, exposure_before_ugx, "
    "exposure_after_ugx, locked_at, deadline_at) SELECT (SELECT max(id) + 1 FROM locks), '20261124-120000-tra-yyyyyy', "
    "{unit} + 9, {trader}, farmer_id, 100, 1000, 0, 1000, locked_at, deadline_at "
    "FROM locks WHERE id = (SELECT max(id) FROM locks)"
)

FAULTS = (
    Fault(
        "deposit and lock while pilot mode is on",
        "7.1",
        (deposit(), _LOCKED),
        (
            Stopped("7.1", EVERYTHING, MONEY, seen="new", findings=2),
            Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, seen="new"),
        ),
        pilot_mode=True,
    ),
    Fault(
        "deposit with a forged journal row while pilot mode is on",
        "7.1",
        (deposit(), *journal_row(amount="500000"), PATCH),
        (Stopped("7.1", EVERYTHING, MONEY),),
        pilot_mode=True,
    ),
)
