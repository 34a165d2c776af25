"""5.2 the storage-fee log is immutable, and its weights add up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills import turning
from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, COMMAND, EVERYTHING, Fault, Stopped, without
from watchkeeper.bootstrap.drills.faults.parts import (
    OF_AN_ACCOUNT,
    STOPPABLE,
    UNSAID,
    WALLETS_STOP,
    journal_row,
)

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World

#: After so long every lot of the business has been in store for another whole day.
_A_DAY_IN_STORE_HOURS = 40
_TICKS = 3
_STOPS = (Stopped("5.2", EVERYTHING, frozenset(["storage_fee"]), seen="whole"), WALLETS_STOP)
_UNSAID = UNSAID | {"5.2"}
_ONE = "(SELECT min(id) FROM storage_fee_deductions WHERE trader_id = {trader})"
_UTID = "'20261124-120000-sys-zzzzzz'"


def _edited(name: str, what: str) -> Fault:
    statement = f"UPDATE storage_fee_deductions SET {what} WHERE id = {_ONE}"
    return Fault(
        name, "5.2", without("storage_fee_deductions_refuses_update", statement), _STOPS, unsaid=_UNSAID
    )


def _weighs(due: int, lost: int, said: int) -> Stopped:
    """After a deduction its lot ought to have lost so many grams, and has lost others, by the rows and by what they say."""
    found = f'{{"lost_grams":{lost},"lost_grams_said":{said}}}'
    return Stopped("5.2", EVERYTHING, frozenset(["storage_fee"]), says=(f'{{"lost_grams":{due}}}', found))


def _a_day_later(world: World) -> None:
    """The market deducts the next day of every lot, and takes the stranger's row for one of its own."""
    if isinstance(world.clock, turning.TurnedClock):
        world.clock.offset += _A_DAY_IN_STORE_HOURS * turning.HOUR
    for _ in range(_TICKS):
        world.tick()


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
        "deduction that leaves another weight than it says, with a forged journal row",
        "5.2",
        (
            "INSERT INTO storage_fee_deductions (id, utid, lot_id, trader_id, day, grams, grams_after, at) "
            f"SELECT (SELECT max(id) + 1 FROM storage_fee_deductions), {_UTID}, lot_id, trader_id, day + 1, 50, "
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
        (_weighs(100, 100, 750), Stopped("10.1", COMMAND, STOPPABLE, key="storage_fee")),
    ),
    Fault(
        "deduction past the journal, and a lawful one after it",
        "5.2",
        (
            "INSERT INTO storage_fee_deductions (id, utid, lot_id, trader_id, day, grams, grams_after, at) "
            f"SELECT (SELECT max(id) + 1 FROM storage_fee_deductions), {_UTID}, id, trader_id, 900, 0, grams, at "
            "FROM lots WHERE id = {stored_lot}",
            _a_day_later,
        ),
        (replace(_weighs(100, 150, 150), seen="new"), Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, seen="new")),
        unsaid=frozenset({"5.2"}),
        # Offers end after a day, whoever deducts what.
        spoils=frozenset(["answer", "offer's end"]),
    ),
)
