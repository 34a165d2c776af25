"""2.3 no way round the server: rows that no journal row owns, and a row of a command that was changed."""

from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, Fault, Stopped, without
from watchkeeper.bootstrap.drills.faults.parts import OF_AN_ACCOUNT, OLD_UTID, PATCH, WALLETS_STOP, deposit

FAULTS = (
    Fault(
        "row past the journal",
        "2.3",
        (deposit(),),
        (Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, seen="new"),),
    ),
    Fault(
        "row under an old UTID, state patched",
        "2.3",
        (deposit(utid=OLD_UTID), PATCH),
        (Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, seen="new"),),
    ),
    Fault(
        "lock's instant edited",
        "2.3",
        without(
            "locks_refuses_update",
            "UPDATE locks SET locked_at = locked_at - 60000000, deadline_at = deadline_at - 60000000 "
            "WHERE id = (SELECT max(id) FROM locks WHERE trader_id = {trader})",
        ),
        (Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, seen="whole"), WALLETS_STOP),
    ),
)
