"""A market of which a test takes one guarding rule out, and the watch beside it, which knows nothing of that."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.market.commands import CreateListing, Deposit
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.verifier import findings


class Unguarded:
    """The drill's small market, and what the watch says after a turn."""

    def __init__(self, data: Path) -> None:
        self.world = World(data, clock=SystemClock())

    def seen(self) -> set[tuple[str, str]]:
        """(rule, kind) of every open finding, after a turn of the watch."""
        self.world.turn()
        return {(f.invariant, f.kind) for f in findings.open_findings(self.world.database)}

    def in_a_full_pass(self, invariant: str) -> set[str]:
        """The rows that a full pass names under this rule."""
        full = INVARIANTS[invariant].full
        assert full is not None
        drafts = [draft for page in full(self.world.continuous.context()) for draft in page]
        return {f"{draft.table_name} {draft.row_key}" for draft in drafts}

    def named(self, invariant: str) -> set[str]:
        """The rows that open findings of one rule name."""
        found = findings.open_findings(self.world.database, invariant=invariant)
        return {f"{f.table_name} {f.row_key}" for f in found}

    def dear_units(self, count: int) -> list[int]:
        """Units for 400,000 shillings each, and the money for them."""
        bench, world = self.world.bench, self.world
        bench.one(Deposit(amount_ugx=2_000_000, provider="bank", external_ref="RICH"), world.victim)
        listing = CreateListing(produce="Vanilla", grams=count * 10_000, price_ugx_per_kg=40_000)
        units = bench.one(listing, world.farmer).body["unit_ids"]
        assert isinstance(units, list)
        assert self.seen() == set()
        return units
