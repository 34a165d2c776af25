"""3.2 the exposure limit cannot be bypassed: locks that pass it and say that they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, EVERYTHING, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import WALLET, lock
from watchkeeper.market.commands import CreateListing, Deposit, PayToLock
from watchkeeper.operation.verifier import findings

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World
    from watchkeeper.operation.playbooks.runs import Run

_LOCK = frozenset(["lock"])
_STOPS = (
    Stopped("3.2", ACCOUNT, _LOCK),
    Stopped("6.1", ACCOUNT, _LOCK),
    Stopped("6.2", EVERYTHING, _LOCK),
)
#: The limit, spelled out a second time (domain, Exposure).
_EXPOSURE_UGX_MAX = 1_000_000
_REASON = "a drill: cured as the playbook says"
_INCIDENT = "INC-20261124-000000"
#: With what the trader has at stake already, one such unit is more than anybody may have.
_PRICE_UGX_PER_KG = 99_000


def _rich(world: World) -> None:
    """The trader has the money, and only the limit in the way; a farmer has a dear unit."""
    world.bench.one(
        Deposit(amount_ugx=2_000_000, provider="bank", external_ref=f"RICH-{world.victim}"), world.victim
    )
    listing = CreateListing(produce="Vanilla", grams=10_000, price_ugx_per_kg=_PRICE_UGX_PER_KG)
    units = world.bench.one(listing, world.farmer).body["unit_ids"]
    world.names["dear_unit"] = units[0] if isinstance(units, list) else 0


def _neighbour_at_the_limit(world: World) -> None:
    """The same, and the neighbour has exactly as much at stake as anybody may have."""
    _rich(world)
    books = world.bench.books
    left = _EXPOSURE_UGX_MAX - books.wallet(world.neighbour).exposure_ugx
    world.bench.one(Deposit(amount_ugx=left, provider="bank", external_ref="TO-THE-LIMIT"), world.neighbour)
    listing = CreateListing(produce="Vanilla", grams=10_000, price_ugx_per_kg=left // 10)
    units = world.bench.one(listing, world.farmer).body["unit_ids"]
    world.bench.one(PayToLock(unit_id=int(str(units[0])) if isinstance(units, list) else 0), world.neighbour)


def _locked(world: World) -> None:
    world.bench.keep_lease()
    world.bench.one(PayToLock(unit_id=int(str(world.names["dear_unit"]))), world.victim)


def _cure(world: World, run: Run) -> None:
    """What truly happened is acknowledged; the position itself is ended."""
    desk, operator = world.desk, world.operator
    for finding in findings.open_findings(world.database, invariant=run.rule, scope=run.scope):
        if run.rule == "6.1":
            dear = max(desk.positions(run.id), key=lambda one: one.amount_ugx)
            desk.unwind(
                run.id, position_utid=dear.utid, incident=_INCIDENT, reason=_REASON, operator=operator
            )
        else:
            desk.acknowledge(run.id, finding.id, incident=_INCIDENT, reason=_REASON, operator=operator)
        world.turn()


FAULTS = (
    Fault(
        "lock over the limit with its journal row, that recorded less",
        "3.2",
        lock(unit="{dear_unit}", price=_PRICE_UGX_PER_KG, before="0"),
        _STOPS,
        before=_neighbour_at_the_limit,
        cure=_cure,
    ),
    Fault(
        "lock over the limit through the entrance, after the exposure was lowered",
        "3.2",
        ("UPDATE trader_state SET exposure_ugx = 0 WHERE trader_id = {trader}", _locked),
        (*_STOPS, Stopped("1.3", ACCOUNT, WALLET)),
        before=_rich,
        cure=_cure,
    ),
)
