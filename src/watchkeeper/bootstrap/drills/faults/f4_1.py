"""4.1 UTID immutability: UTIDs rewritten, gone, and of a form that the market never gives."""

from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, EVERYTHING, Fault, Stopped, without
from watchkeeper.bootstrap.drills.faults.parts import (
    OF_AN_ACCOUNT,
    OWN_LAST_BUT_ONE,
    PATCH,
    STOPPABLE,
    UNSAID,
    WALLETS_STOP,
    deposit,
    journal_row,
)

_ALL_STOPS = Stopped("4.1", EVERYTHING, STOPPABLE)
_MOVED = Stopped("4.1", EVERYTHING, STOPPABLE, seen="whole")
#: An act that others cite, which are not to blame.
_CITED = "'{delivered_lock}'"
_ANOTHER = "'20261124-120000-tra-moved0'"

FAULTS = (
    Fault(
        "UTID rewritten in the journal",
        "4.1",
        without(
            "journal_refuses_update",
            f"UPDATE journal SET utid = {_ANOTHER} WHERE utid = {_CITED}",
        ),
        (_MOVED, Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, seen="whole"), WALLETS_STOP),
        unsaid=UNSAID,
    ),
    Fault(
        "UTID rewritten in an entry",
        "4.1",
        without(
            "wallet_ledger_refuses_update",
            f"UPDATE wallet_ledger SET utid = {_ANOTHER} WHERE id = {OWN_LAST_BUT_ONE}",
        ),
        (_MOVED, WALLETS_STOP),
        unsaid=UNSAID,
    ),
    Fault(
        "journal row deleted",
        "4.1",
        without("journal_refuses_delete", f"DELETE FROM journal WHERE utid = {_CITED}"),
        (_MOVED, WALLETS_STOP),
        unsaid=UNSAID,
    ),
    Fault(
        "UTID of another form, with a forged journal row",
        "4.1",
        (
            deposit(utid="'some day'"),
            *journal_row(utid="'some day'", amount="500000"),
            PATCH,
        ),
        (_ALL_STOPS,),
    ),
)
