"""The longest command that there is: a listing of 200 units taken back with an open offer for each; its leaf seals."""

from __future__ import annotations

import json
from pathlib import Path

from tests.worlds.books import REASON, TurnableClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.market.commands import CreateListing, MakeOffer, RemoveListing
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.seals.leaf import LEAF_BYTES_MAX
from watchkeeper.operation.verifier import findings

UNITS = 200
#: A trader makes as many offers in an hour.
OFFERS_EACH = 20


def test_a_listing_of_200_units_with_200_open_offers_is_taken_back_in_one_leaf(data: Path) -> None:
    world = World(data, clock=TurnableClock())
    bench = world.bench
    listing = bench.one(
        CreateListing(produce="Beans", grams=10_000 * UNITS, price_ugx_per_kg=100), bench.person("farmer")
    )
    units = listing.body["unit_ids"]
    assert isinstance(units, list)
    for begin in range(0, UNITS, OFFERS_EACH):
        trader = bench.person("trader")
        for unit in units[begin : begin + OFFERS_EACH]:
            bench.one(MakeOffer(unit_id=unit, price_ugx_per_kg=10_000_000), trader)
        # A look takes in 200 commands at most.
        world.turn()
    # An admin's, with the longest reason, is longer than the farmer's own.
    reason = (REASON + " ") * 20
    removed = bench.one(
        RemoveListing(listing_id=int(str(listing.body["listing_id"])), reason=reason[:500].strip()),
        bench.market.admin.id,
    )
    world.turn()
    assert logs.size(world.database, logs.MAIN) == removed.n
    leaf = logs.leaf(world.database, logs.MAIN, removed.n - 1)
    assert leaf is not None
    assert len(leaf) < LEAF_BYTES_MAX
    sealed = json.loads(leaf)
    tables = [table for table, _ in sealed["effects"]]
    assert (sealed["n"], tables.count("unit_steps"), tables.count("offer_steps")) == (removed.n, UNITS, UNITS)
    world.full_pass()
    assert findings.open_findings(world.database) == []
    world.close()
