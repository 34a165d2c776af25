"""5.2 the storage-fee log is immutable, and its weights add up."""

from watchkeeper.bootstrap.drills.faults.model import COMMAND, EVERYTHING, Fault, Stopped, without
from watchkeeper.bootstrap.drills.faults.parts import STOPPABLE, UNSAID, WALLETS_STOP, journal_row

_FEES_STOP = Stopped("5.2", EVERYTHING, frozenset(["storage_fee"]))
_STOPS = (Stopped("5.2", EVERYTHING, frozenset(["storage_fee"]), seen="whole"), WALLETS_STOP)
_UNSAID = UNSAID | {"5.2"}
_ONE = "(SELECT min(id) FROM storage_fee_deductions WHERE trader_id = {trader})"
_UTID = "'20261124-120000-sys-zzzzzz'"


def _edited(name: str, what: str) -> Fault:
    statement = f"UPDATE storage_fee_deductions SET {what} WHERE id = {_ONE}"
    return Fault(
        name, "5.2", without("storage_fee_deductions_refuses_update", statement), _STOPS, unsaid=_UNSAID
    )


FAULTS = (
    _edited("grams lowered", "grams = grams - 1, grams_after = grams_after + 1"),
    _edited("day moved", "day = day + 1000"),
    _edited("instant moved", "at = at - 3600000000"),
    Fault(
        "deduction deleted",
        "5.2",
        without(
            "storage_fee_deductions_refuses_delete", f"DELETE FROM storage_fee_deductions WHERE id = {_ONE}"
        ),
        _STOPS,
        unsaid=_UNSAID,
    ),
    Fault(
        "deduction of the wrong weight, with a forged journal row",
        "5.2",
        (
            "INSERT INTO storage_fee_deductions (id, utid, lot_id, trader_id, day, grams, grams_after, at) "
            f"SELECT (SELECT max(id) + 1 FROM storage_fee_deductions), {_UTID}, lot_id, trader_id, day + 1, 700, "
            f"grams_after - 700, at FROM storage_fee_deductions WHERE id = {_ONE}",
            *journal_row(
                utid=_UTID,
                command="storage_fee",
                actor_id="1",
                actor="system",
                role="system",
                target=f"(SELECT l.utid FROM lots l JOIN storage_fee_deductions d ON d.lot_id = l.id WHERE d.utid = {_UTID})",
            ),
        ),
        # Its day is not over, so it is none that the system may deduct by itself.
        (_FEES_STOP, Stopped("10.1", COMMAND, STOPPABLE, key="storage_fee")),
    ),
)
