"""Who guesses at the control room's own door leaves the same traces as at the market's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.worlds.detecting import Post
from watchkeeper.base.database import open_database
from watchkeeper.interfaces.control_room import ControlRoom
from watchkeeper.market.refusals import Refusal


@pytest.mark.rule("refusal.counted", "refusal.hits-bounded")
def test_a_throttled_operator_leaves_a_count_and_a_hit_and_a_flood_costs_ten_rows(data: Path) -> None:
    post = Post(data)
    control = ControlRoom(post.data, clock=post.clock)
    alias = post.market.market.operator.alias

    def tried(times: int) -> set[str]:
        codes = set()
        for _ in range(times):
            with pytest.raises(Refusal) as refused:
                control.gatekeeper.sign_in(alias=alias, password="wrong", address="10.0.0.1")
            codes.add(refused.value.code)
        return codes

    def rows(sql: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in post.market.books.database.query(sql)]

    post.passes(seconds=60 - post.clock.now() // 1_000_000 % 60)
    assert tried(10) == {"unauthenticated"}
    assert tried(25) == {"rate-limit-exceeded"}
    post.passes(seconds=120)
    assert tried(1) == {"rate-limit-exceeded"}
    hits = rows("SELECT actor, limit_name, count FROM rate_limit_hits ORDER BY id")
    # Ten of the first minute, their summary, and the one after; a minute that turned between two of them has ten more.
    assert {(actor, limit) for actor, limit, _ in hits} == {(alias, "sign-ins")}
    assert sum(int(str(count)) for _, _, count in hits) == 26
    assert len(hits) <= 23
    assert rows("SELECT code, CAST(sum(count) AS BIGINT) FROM refusal_counts GROUP BY code") == [
        ("rate-limit-exceeded", 26)
    ]
    control.close()
    post.close()


@pytest.mark.rule("refusal.counted")
def test_a_hit_that_cannot_be_written_is_a_refusal_all_the_same_and_is_written_later(data: Path) -> None:
    post = Post(data)
    control = ControlRoom(post.data, clock=post.clock)
    alias = post.market.market.operator.alias
    owner = open_database(post.data, "market", role="owner")

    def tried() -> str:
        with pytest.raises(Refusal) as refused:
            control.gatekeeper.sign_in(alias=alias, password="wrong", address="10.0.0.1")
        return refused.value.code

    for _ in range(10):
        assert tried() == "unauthenticated"
    owner.execute("ALTER TABLE rate_limit_hits RENAME TO rate_limit_hits_away")
    assert tried() == "rate-limit-exceeded"
    owner.execute("ALTER TABLE rate_limit_hits_away RENAME TO rate_limit_hits")
    assert tried() == "rate-limit-exceeded"
    assert post.market.books.database.query("SELECT count FROM rate_limit_hits") == [(1,), (1,)]
    owner.close()
    control.close()
    post.close()
