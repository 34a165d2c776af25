"""The record of what the operator did is sealed and compared like the books: a changed one makes nothing HOLD any more."""

from __future__ import annotations

import pytest

from tests.worlds.watched import Room
from watchkeeper.operation import journal
from watchkeeper.operation.catalogue import INVARIANTS


@pytest.mark.rule("role.operator-recorded")
@pytest.mark.parametrize("column", ["actor", "action", "subject", "reason", "detail", "at"])
def test_an_act_that_was_changed_is_found_by_the_next_full_pass(room: Room, column: str) -> None:
    with room.database.transaction("write"):
        journal.record(
            room.database,
            actor="opr_one",
            action="lift",
            subject="everything",
            reason="looked at and lifted",
            detail={},
            at=room.clock.now(),
        )
    room.turn()
    room.full_pass()
    assert {room.words(invariant)[1] for invariant in INVARIANTS} == {"HOLDS"}
    room.database.execute("DROP TRIGGER operator_actions_refuses_update")
    changed = "at - 1" if column == "at" else "'another'"
    room.database.execute(f"UPDATE operator_actions SET {column} = {changed} WHERE actor = 'opr_one'")
    room.full_pass()
    assert {room.words(invariant)[1] for invariant in INVARIANTS} == {"UNKNOWN"}
