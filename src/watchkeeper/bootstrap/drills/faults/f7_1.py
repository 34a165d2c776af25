"""7.1 pilot mode stops money: deposits while it is on, without and with a journal row."""

from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, EVERYTHING, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import MONEY, OF_AN_ACCOUNT, PATCH, deposit, journal_row

FAULTS = (
    Fault(
        "deposit while pilot mode is on",
        "7.1",
        (deposit(),),
        (
            Stopped("7.1", EVERYTHING, MONEY, seen="new"),
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
