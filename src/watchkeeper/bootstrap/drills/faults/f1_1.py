"""1.1 balance consistency: entries that do not follow from those before them."""

from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import PATCH, WALLET, deposit, journal_row

FAULTS = (
    Fault(
        "entry that does not follow, with a forged journal row",
        "1.1",
        (deposit(more_capital=200_000), *journal_row(amount="500000"), PATCH),
        (Stopped("1.1", ACCOUNT, WALLET),),
    ),
)
