"""Any byte of any sealed row of any table, rows removed, added, swapped, cut off: all of it found, none of it blamed on a
row that nobody touched.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.worlds.tampering import Place, Tamperer
from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.drills import business
from watchkeeper.bootstrap.drills.turning import TurnedClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.boundary.views import VIEWS
from watchkeeper.operation.catalogue.model import Draft
from watchkeeper.operation.verifier import full

TAMPERINGS, AT_ONCE = 10_000, 10
SEED = 20261126


def judged(world: World) -> list[Draft]:
    """All that the watch would find now, with nothing written down, so that each round begins anew."""
    found = world.continuous.look()
    assert found.errors == {}
    drafts = list(found.drafts)
    for piece in full.slices(world.continuous.context()):
        assert set(piece.errors.values()) <= {"rows that it reads are not as they were sealed"}
        assert piece.broken_seals == []
        drafts.extend(piece.drafts)
    return drafts


def named(drafts: list[Draft]) -> set[Place]:
    """The rows that findings name; what is said of accounts, totals, numbers and the schema names none."""
    return {
        (draft.table_name, int(draft.row_key))
        for draft in drafts
        if draft.table_name in VIEWS and draft.row_key.lstrip("-").isdecimal() and draft.kind != "missing"
    }


@pytest.mark.timeout(3600)
def test_every_tampering_is_found_and_no_other_row_is_blamed(
    data: Path, rounds: Callable[[int], int]
) -> None:
    world = World(data, clock=TurnedClock(SystemClock()), business=business.whole)
    tamperer = Tamperer(data, seed=SEED)
    try:
        assert named(judged(world)) == set()
        left = rounds(TAMPERINGS)
        while left > 0:
            done = tamperer.round(min(AT_ONCE, left))
            places = set().union(*(tampering.places for tampering in done))
            found = named(judged(world))
            words = [tampering.what for tampering in done]
            assert places - found == set(), words
            assert found - places == set(), words
            tamperer.undo(done)
            left -= len(done)
        assert named(judged(world)) == set()
        assert tamperer.tables == tamperer.known
        assert len(tamperer.known) > 20
    finally:
        tamperer.close()
        world.close()
