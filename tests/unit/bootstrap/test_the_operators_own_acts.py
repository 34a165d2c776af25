"""The record of what the operator did is sealed and compared like the books: a changed one makes nothing HOLD any more."""

from __future__ import annotations

import pytest

from tests.worlds.watched import Room
from watchkeeper.operation import journal
from watchkeeper.operation.catalogue import INVARIANTS


def acted(room: Room) -> int:
    """One act of the operator is written down; its number."""
    with room.database.transaction("write"):
        return journal.record(
            room.database,
            actor="opr_one",
            action="lift",
            subject="everything",
            reason="looked at and lifted",
            detail={},
            at=room.clock.now(),
        )


@pytest.mark.rule("role.operator-recorded")
@pytest.mark.parametrize("column", ["actor", "action", "subject", "reason", "detail", "at"])
def test_an_act_that_was_changed_is_found_by_the_next_full_pass(room: Room, column: str) -> None:
    acted(room)
    room.turn()
    room.full_pass()
    assert {room.words(invariant)[1] for invariant in INVARIANTS} == {"HOLDS"}
    room.database.execute("DROP TRIGGER operator_actions_refuses_update")
    changed = "at - 1" if column == "at" else "'another'"
    room.database.execute(f"UPDATE operator_actions SET {column} = {changed} WHERE actor = 'opr_one'")
    room.full_pass()
    assert {room.words(invariant)[1] for invariant in INVARIANTS} == {"UNKNOWN"}


def test_an_act_after_one_that_was_deleted_is_sealed_under_a_number_of_its_own(room: Room) -> None:
    first = acted(room)
    room.turn()
    room.database.execute("DROP TRIGGER operator_actions_refuses_delete")
    room.database.execute("DELETE FROM operator_actions")
    second = acted(room)
    room.turn()
    sealed = room.database.query(
        "SELECT key FROM sealed_rows WHERE table_name = 'operator_actions' ORDER BY key"
    )
    assert [key for (key,) in sealed] == [first, second]
    room.full_pass()
    assert {room.words(invariant)[1] for invariant in INVARIANTS} == {"UNKNOWN"}
