"""1.2 ledger immutability: entries that were edited, deleted, or rewritten with all that tells of them."""

from watchkeeper.bootstrap.drills.faults.model import (
    ACCOUNT,
    DIGEST,
    DIGEST_OF,
    WITHOUT,
    Fault,
    Stopped,
    past,
    without,
)
from watchkeeper.bootstrap.drills.faults.parts import (
    OF_AN_ACCOUNT,
    OWN_LAST,
    OWN_LAST_BUT_ONE,
    PATCH,
    UNSAID,
    WALLETS_STOP,
    utid_of,
)

#: The last deposit but one was larger, and all that follows from it, or tells of it, tells the same.
_REWRITTEN = (
    "UPDATE wallet_ledger SET amount_ugx = amount_ugx + 1000, capital_after = capital_after + 1000 WHERE id = "
    + OWN_LAST_BUT_ONE,
    "UPDATE wallet_ledger SET capital_after = capital_after + 1000 WHERE id = " + OWN_LAST,
    DIGEST_OF + utid_of(OWN_LAST_BUT_ONE),
    "UPDATE journal SET arguments = replace(arguments, ':' || amount_ugx, ':' || (amount_ugx + 1000)), "
    "answer = replace(answer, ':' || amount_ugx, ':' || (amount_ugx + 1000)), amount_ugx = amount_ugx + 1000, "
    f"effects_digest = '{DIGEST}' WHERE utid = {utid_of(OWN_LAST_BUT_ONE)}",
    DIGEST_OF + utid_of(OWN_LAST),
    f"UPDATE journal SET effects_digest = '{DIGEST}' WHERE utid = {utid_of(OWN_LAST)}",
)

FAULTS = (
    Fault(
        "edited amount",
        "1.2",
        without(
            "wallet_ledger_refuses_update",
            "UPDATE wallet_ledger SET amount_ugx = amount_ugx + 90000 WHERE id = " + OWN_LAST,
        ),
        (WALLETS_STOP,),
        unsaid=UNSAID,
    ),
    Fault(
        "edited instant, with the trigger back in its place",
        "1.2",
        past(
            "wallet_ledger_refuses_update",
            "UPDATE wallet_ledger SET at = at - 60000000 WHERE id = " + OWN_LAST,
        ),
        (WALLETS_STOP,),
        unsaid=UNSAID,
    ),
    Fault(
        "last row deleted, state patched",
        "1.2",
        (*without("wallet_ledger_refuses_delete", "DELETE FROM wallet_ledger WHERE id = " + OWN_LAST), PATCH),
        (WALLETS_STOP,),
        unsaid=UNSAID,
    ),
    Fault(
        "tail rewritten",
        "1.2",
        (f"{WITHOUT}wallet_ledger_refuses_update", f"{WITHOUT}journal_refuses_update", *_REWRITTEN),
        (WALLETS_STOP, Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, seen="whole")),
        unsaid=UNSAID,
    ),
)
