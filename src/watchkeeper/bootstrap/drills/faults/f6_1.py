"""6.1 exposure within the limit: a lock that no trader could pay for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import OF_AN_ACCOUNT
from watchkeeper.market.commands import CreateListing, Deposit, PayToLock

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World

EXPOSURE_UGX_MAX = 1_000_000


def _at_the_limit(world: World) -> None:
    """Somebody else has all at stake that anybody may have, and not a shilling more."""
    bench, trader = world.bench, world.bench.person("trader")
    bench.one(Deposit(amount_ugx=EXPOSURE_UGX_MAX, provider="bank", external_ref="ALL-OF-IT"), trader)
    listing = CreateListing(produce="Vanilla", grams=10_000, price_ugx_per_kg=EXPOSURE_UGX_MAX // 10)
    units = bench.one(listing, world.farmer).body["unit_ids"]
    if isinstance(units, list):
        bench.one(PayToLock(unit_id=units[0]), trader)


FAULTS = (
    Fault(
        "forged lock over the limit",
        "6.1",
        (
            "INSERT INTO locks (id, utid, unit_id, trader_id, farmer_id, price_ugx_per_kg, amount_ugx, exposure_before_ugx, "
            "exposure_after_ugx, locked_at, deadline_at) SELECT (SELECT max(id) + 1 FROM locks), '20261124-120000-tra-yyyyyy', "
            "(SELECT max(id) FROM units), {trader}, farmer_id, 130000, 1300000, 0, 900000, locked_at, deadline_at "
            "FROM locks WHERE id = (SELECT max(id) FROM locks)",
        ),
        (Stopped("6.1", ACCOUNT, frozenset({"lock"})), Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, seen="new")),
        before=_at_the_limit,
    ),
)
