"""Without the rule that an entry's balances are those before it and its amount, 1.1 sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.worlds.unguarded import Unguarded
from watchkeeper.market.commands import Deposit
from watchkeeper.market.ledgers import rules


def test_money_from_nowhere_in_an_entry_is_seen(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    post: Callable[..., None] = rules.post

    def generous(*args: object, capital: int = 0, **more: object) -> None:
        post(*args, capital=2 * capital, **more)

    monkeypatch.setattr(rules, "post", generous)
    world = unguarded.world
    world.bench.one(Deposit(amount_ugx=1000, provider="mtn", external_ref="TWICE"), world.victim)
    assert unguarded.seen() == {("1.1", "balance")}


def test_money_that_nobody_brought_is_seen(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    post: Callable[..., None] = rules.post

    def generous(*args: object, amount_ugx: int, capital: int = 0, **more: object) -> None:
        post(*args, amount_ugx=2 * amount_ugx, capital=2 * capital, **more)

    monkeypatch.setattr(rules, "post", generous)
    world = unguarded.world
    world.bench.one(Deposit(amount_ugx=1000, provider="mtn", external_ref="TWICE"), world.victim)
    assert unguarded.seen() == {("1.1", "conservation")}
