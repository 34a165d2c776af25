"""1.1 balance consistency: entries that do not follow, and acts whose rows do not tell of the same money."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.faults import mistakes
from watchkeeper.bootstrap.drills.faults.mistakes import more, rows
from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, EVERYTHING, Fault, Sql, Stopped
from watchkeeper.bootstrap.drills.faults.parts import MONEY, PATCH, WALLET, deposit, journal_row
from watchkeeper.market.commands import ConfirmPickup, Deposit, WriteOff
from watchkeeper.market.decision import Decision

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World
    from watchkeeper.operation.playbooks.runs import Run

_REASON = "a drill: the market makes a mistake"
_UGX = 100
_SHILLINGS_OFF = 7


def _gives_back_too_much(decision: Decision) -> None:
    back, profit = rows(decision, "wallet_ledger")
    more(back, amount_ugx=_UGX, capital_after=_UGX)
    more(profit, amount_ugx=-_UGX, capital_after=_UGX, profit_after=-_UGX)


def _pickup(world: World, purchase: str, *, proceeds_ugx: int = 15_000) -> ConfirmPickup:
    utid = str(world.names[purchase])
    return ConfirmPickup(
        purchase_utid=utid, proceeds_ugx=proceeds_ugx, provider="mtn", external_ref=utid, reason=_REASON
    )


def _at_a_loss(world: World) -> None:
    """The neighbour's goods brought less than they cost."""
    world.bench.one(
        _pickup(world, "neighbour_second_purchase", proceeds_ugx=5_000), world.bench.market.admin.id
    )


def _picked_up(world: World) -> None:
    command = _pickup(world, "second_purchase")
    mistakes.act(world, command, world.bench.market.admin.id, _gives_back_too_much)


def _picked_up_as_if_dearer(world: World) -> None:
    def at_another_cost(decision: Decision) -> None:
        for row in rows(decision, "pickups"):
            more(row, cost_ugx=_UGX)

    command = _pickup(world, "second_purchase")
    mistakes.act(world, command, world.bench.market.admin.id, at_another_cost)


def _deposited(world: World) -> None:
    world.bench.keep_lease()
    world.bench.one(Deposit(amount_ugx=1_000, provider="mtn", external_ref="AFTER-THE-CHANGE"), world.victim)


def _written_off(world: World, lot: str, ugx: int) -> None:
    def at_another_cost(decision: Decision) -> None:
        for row in rows(decision, "write_offs"):
            more(row, cost_ugx=ugx)

    command = WriteOff(lot_id=int(str(world.names[lot])), reason=_REASON)
    mistakes.act(world, command, world.bench.market.admin.id, at_another_cost)


def _too_cheaply(world: World) -> None:
    _written_off(world, "lot", -_UGX)


def _made_good(ugx: int) -> Callable[[World, Run], None]:
    """The next goods are written off at so much more than they cost, and what has ended adds up."""

    def made_good(world: World, _: Run) -> None:
        if world.names.get("made_good") is None:
            world.names["made_good"] = True
            _written_off(world, "stored_lot", ugx)
        world.turn()

    return made_good


def _remembered(change: int, *, open_ones: bool = False) -> Sql:
    """The control room's own memory of the books, so many shillings off."""
    what: tuple[str, ...]
    if open_ones:
        what = (f"UPDATE account_state SET open_ugx = open_ugx + {change} WHERE account_id = {{trader}}",)
    else:
        what = (
            *(
                f"UPDATE totals SET amount_ugx = amount_ugx + {change} WHERE name = '{name}'"
                for name in ("paid_in", "settled_farmer_ledger", "lots")
            ),
            f"UPDATE account_state SET capital = capital + {change} WHERE account_id = {{neighbour_trader}}",
        )
    return Sql(what, store="operation")


def _put_right(*, open_ones: bool) -> Callable[[World, Run], None]:
    def put_right(world: World, _: Run) -> None:
        if world.names.get("made_good") is None:
            world.names["made_good"] = True
            world.inject((_remembered(-_SHILLINGS_OFF, open_ones=open_ones),))
        world.turn()

    return put_right


FAULTS = (
    Fault(
        "entry that does not follow, with a forged journal row",
        "1.1",
        (deposit(more_capital=200_000), *journal_row(amount="500000"), PATCH),
        (Stopped("1.1", ACCOUNT, WALLET),),
    ),
    Fault(
        "entry that locks what no lock holds, with a forged journal row",
        "1.1",
        (deposit(more_locked=200_000), *journal_row(amount="500000"), PATCH),
        (Stopped("1.1", ACCOUNT, WALLET, findings=1),),
    ),
    Fault(
        "pickup that says that the goods cost more",
        "1.1",
        (_picked_up_as_if_dearer,),
        (Stopped("1.1", EVERYTHING, MONEY), Stopped("1.1", ACCOUNT, WALLET, seen="hour")),
        cure=_made_good(-_UGX),
        before=_at_a_loss,
        spoils=frozenset(["write-off", "purchase's end"]),
    ),
    Fault(
        "pickup that gives back more than the goods cost",
        "1.1",
        (_picked_up,),
        (Stopped("1.1", ACCOUNT, WALLET),),
        spoils=frozenset(["purchase's end"]),
    ),
    Fault(
        "goods written off at less than they cost",
        "1.1",
        (_too_cheaply,),
        (Stopped("1.1", EVERYTHING, MONEY), Stopped("1.1", ACCOUNT, WALLET, seen="hour")),
        cure=_made_good(_UGX),
        spoils=frozenset(["write-off"]),
    ),
    Fault(
        "open locks forgotten in the control room's own store",
        "1.1",
        (_remembered(_SHILLINGS_OFF, open_ones=True), _deposited),
        (Stopped("1.1", ACCOUNT, WALLET, seen="new"),),
        cure=_put_right(open_ones=True),
    ),
    Fault(
        "totals and a balance altered in the control room's own store",
        "1.1",
        (_remembered(_SHILLINGS_OFF),),
        (
            # Money, settlements, lots and goods.
            Stopped("1.1", EVERYTHING, MONEY, findings=4),
            Stopped("1.1", ACCOUNT, WALLET, key="{neighbour_alias}", seen="hour"),
        ),
        cure=_put_right(open_ones=False),
    ),
)
