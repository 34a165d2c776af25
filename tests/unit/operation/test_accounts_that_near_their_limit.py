"""An account at 80, 90 and 95 % of its limit is told, level by level, once each, and each ends when it is well below again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import REASON
from tests.worlds.detecting import Post
from watchkeeper.market.commands import CreateListing, PayToLock, ReverseLock, VerifyDelivery
from watchkeeper.operation.catalogue.signs import nearness
from watchkeeper.operation.incidents import cases

NAME = "accounts near the limit"
FIRST, SECOND, THIRD = (condition for condition, _ in nearness.LEVELS)


@pytest.fixture
def post(data: Path) -> Iterator[Post]:
    found = Post(data)
    yield found
    found.close()


def locked(post: Post, trader: int, amount_ugx: int) -> str:
    post.market.keep_lease()
    assert amount_ugx % 10 == 0
    command = CreateListing(produce="Vanilla", grams=10_000, price_ugx_per_kg=amount_ugx // 10)
    units = post.market.one(command, post.market.farmer).body["unit_ids"]
    assert isinstance(units, list)
    return post.market.one(PayToLock(unit_id=units[0]), trader).utid


def reversed_(post: Post, lock: str) -> None:
    post.market.keep_lease()
    post.market.one(VerifyDelivery(lock_utid=lock, outcome="cancelled", reason=REASON), post.admin)
    post.market.one(ReverseLock(lock_utid=lock, reason=REASON), post.admin)


def told(post: Post) -> set[tuple[str, str, str]]:
    """What stands: condition, scope, severity; each raised once."""
    post.look(NAME)
    standing = [row for row in post.alerts() if row[0] in (FIRST, SECOND, THIRD) and row[3] != "resolved"]
    assert all(row[4] == 1 for row in standing)
    return {(row[0], row[1], row[2]) for row in standing}


@pytest.mark.rule("exposure.told")
def test_each_level_is_told_of_an_account_once_and_ends_by_itself(post: Post) -> None:
    tina, tom = (f"account:{post.alias(one)}" for one in (post.market.tina, post.market.tom))
    assert told(post) == set()
    locked(post, post.market.tina, 799_990)
    assert told(post) == set()
    assert post.seen(NAME).state == "QUIET"
    locked(post, post.market.tina, 10)
    assert told(post) == told(post) == {(FIRST, tina, "low")}
    assert post.seen(NAME).state == "SEEN"
    second = locked(post, post.market.tina, 100_000)
    third = locked(post, post.market.tina, 50_000)
    # Another account at a level at once is told by each level that it has reached.
    locked(post, post.market.tom, 900_000)
    both = {(FIRST, tina, "low"), (SECOND, tina, "low"), (THIRD, tina, "medium")}
    assert told(post) == both | {(FIRST, tom, "low"), (SECOND, tom, "low")}
    post.restart()
    assert told(post) == both | {(FIRST, tom, "low"), (SECOND, tom, "low")}
    reversed_(post, third)
    # Below the last level, and not by five points: whoever works there would be told each time.
    assert told(post) == both | {(FIRST, tom, "low"), (SECOND, tom, "low")}
    third = locked(post, post.market.tina, 50_000)
    assert told(post) == both | {(FIRST, tom, "low"), (SECOND, tom, "low")}
    reversed_(post, third)
    reversed_(post, second)
    last = locked(post, post.market.tina, 90_000)
    assert told(post) == (both - {(THIRD, tina, "medium")}) | {(FIRST, tom, "low"), (SECOND, tom, "low")}
    reversed_(post, last)
    assert told(post) == {(FIRST, tina, "low"), (FIRST, tom, "low"), (SECOND, tom, "low")}
    reasons = post.database.query("SELECT text FROM alert_events WHERE kind = 'resolved' ORDER BY id")
    assert [str(reason) for (reason,) in reasons] == [
        "89 % of the limit is at stake now, less than 90 %",
        "80 % of the limit is at stake now, less than 85 %",
    ]
    with post.database.transaction("write"):
        # Nearing the limit is business as usual: only the last level is an incident by itself.
        assert len(cases.open_missing(post.database, at=post.clock.now())) == 1


def test_the_levels_are_settings(post: Post) -> None:
    tina = f"account:{post.alias(post.market.tina)}"
    post.set("exposure_first_percent = 10\nexposure_second_percent = 20")
    locked(post, post.market.tina, 100_000)
    assert told(post) == {(FIRST, tina, "low")}
    post.set("exposure_first_percent = 15")
    assert told(post) == {(FIRST, tina, "low")}
    post.set("exposure_first_percent = 16")
    assert told(post) == set()
    post.set("exposure_first_percent = 1")
    assert told(post) == {(FIRST, tina, "low")}


def test_more_accounts_than_one_look_names_are_said_and_the_nearest_are_told(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearness, "NAMED_MAX", 1)
    tina, tom = (f"account:{post.alias(one)}" for one in (post.market.tina, post.market.tom))
    locked(post, post.market.tina, 800_000)
    locked(post, post.market.tom, 810_000)
    assert told(post) == {(FIRST, tom, "low")}
    assert "more than 1 accounts" in post.seen(NAME).detail
    monkeypatch.undo()
    assert told(post) == {(FIRST, tina, "low"), (FIRST, tom, "low")}
