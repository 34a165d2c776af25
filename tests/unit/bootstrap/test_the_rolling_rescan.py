"""Between commits the watch goes round what it sealed: an old row is found with no hint and no full pass."""

from __future__ import annotations

import pytest

from tests.waiting import until
from tests.worlds.watched import Room
from watchkeeper.base.database import open_database
from watchkeeper.operation.verifier import passes
from watchkeeper.operation.verifier.engine import Suspicion
from watchkeeper.operation.verifier.rescan import Rescan


def edited_quietly(room: Room, table: str, statement: str) -> None:
    """Change an old row as the owner, with the table's defences off within the transaction."""
    owner = open_database(room.data, "market", role="owner")
    with owner.transaction("write"):
        if owner.engine == "postgresql":
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            owner.execute(statement)
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        else:
            made = [
                (str(row[0]), str(row[1]))
                for row in owner.query("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            ]
            for name, _ in made:
                owner.execute(f"DROP TRIGGER {name}")
            owner.execute(statement)
            for _, sql in made:
                owner.execute(sql)
    owner.close()


@pytest.mark.parametrize(
    ("table", "statement", "finding"),
    [
        ("wallet_ledger", "UPDATE wallet_ledger SET at = at - 1 WHERE id = 1", ("1.2", "changed")),
        ("journal", "UPDATE journal SET utid = '20261124-120000-sys-000000' WHERE n = 2", ("4.1", "changed")),
        ("journal", "DELETE FROM journal WHERE n = 3", ("4.1", "deleted")),
        ("trader_state", "UPDATE trader_state SET exposure_ugx = 7", ("1.3", "overwritten")),
        (
            "user_state",
            "UPDATE user_state SET session_generation = 9 WHERE user_id = 2",
            ("1.3", "overwritten"),
        ),
    ],
)
def test_an_old_row_is_found_by_going_round(
    room: Room, monkeypatch: pytest.MonkeyPatch, table: str, statement: str, finding: tuple[str, str]
) -> None:
    room.business("OLD-1")
    room.turn()
    until(lambda: passes.next_to_end(room.database) is None, what="full passes that were asked for end")
    before = passes.latest(room.database)
    # As if the engine gave no hint at all.
    monkeypatch.setattr(type(room.watch._continuous.engine), "look", lambda _: Suspicion())
    edited_quietly(room, table, statement)
    begun = room.watch._rescan.rounds
    while room.watch._rescan.rounds < begun + 2:
        room.turn()
    assert finding in room.findings()
    assert (finding[0], "BROKEN") in room.stops()
    # One that was under way may have ended; none was asked for.
    after = passes.latest(room.database)
    assert before is not None
    assert after is not None
    assert after.id == before.id


def test_a_round_goes_through_both_logs_in_bounded_steps(room: Room) -> None:
    rescan = Rescan(clock=room.clock)
    steps = 0
    while rescan.rounds == 0:
        assert not rescan.step(room.watch._continuous.context()).drafts
        steps += 1
    assert not rescan.due()
    assert steps >= 2
