"""Random commands of all kinds, valid and not, against a plain model: the same answers, the same balances, and a watch that agrees.

20,000 steps in `./test`, a million in the long form: ten games of 100,000, each with a seed of its own; in batches as the market
runs them, with switches flipped between, and virtual time going on. After each batch the balances are compared and money is conserved; now and then the watch looks, and at the
end it makes a full pass: every check must hold.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import LONG
from tests.properties.game import Game
from tests.properties.model import ACCEPTED
from tests.worlds.books import StandingClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.market import commands
from watchkeeper.market.commands import Command
from watchkeeper.market.commands.cures import Cure

#: What a game that is worth its time comes to.
EXPECTED = {
    ACCEPTED,
    "account-in-use",
    "account-not-active",
    "account-state",
    "already-active",
    "already-ended",
    "already-reconciled",
    "already-verified",
    "already-written-off",
    "block-not-found",
    "deadline-not-passed",
    "deadline-passed",
    "insufficient-capital",
    "insufficient-earnings",
    "insufficient-profit",
    "invalid-role",
    "inventory-not-available",
    "listing-not-cancellable",
    "listing-not-found",
    "lock-not-found",
    "lot-not-found",
    "not-admin",
    "not-authorized",
    "not-reversible",
    "nothing-due",
    "offer-already-open",
    "offer-not-accepted",
    "offer-not-found",
    "offer-not-open",
    "out-of-turn",
    "phase-cap-reached",
    "pilot-mode-active",
    "purchase-not-found",
    "purchase-window-closed",
    "rate-limit-exceeded",
    "reconciliation-not-found",
    "reference-already-used",
    "spend-cap-exceeded",
    "system-shut-down",
    "unit-not-available",
    "unit-not-found",
    "user-not-found",
    "utid-not-found",
    "validation-failed",
}
SEEDS = [20_261_124 + game for game in range(10 if LONG else 1)]
STEPS = 100_000 if LONG else 20_000
#: Up to this step refused ones are played alone now and then.
ALONE_UNTIL = 20_000
#: What only the switches and the operator's playbooks do; the drills play those.
NOT_PLAYED = {"record_flip"}


def all_commands() -> set[str]:
    """The names of all commands that somebody can send, but for the cures."""
    found = [getattr(commands, name) for name in commands.__all__]
    return {
        kind.name
        for kind in found
        if issubclass(kind, Command) and not issubclass(kind, Cure) and "name" in vars(kind)
    } - NOT_PLAYED


@pytest.mark.rule("ledger.conserved", "ledger.never-negative", "exposure.parts", "refusal.leaves-nothing")
@pytest.mark.timeout(24 * 3600)
@pytest.mark.parametrize("seed", SEEDS)
def test_answers_balances_and_verdicts_are_those_of_the_plain_model(data: Path, seed: int) -> None:
    clock = StandingClock()
    world = World(data, clock=clock)
    game = Game(world, clock, seed=seed)
    done = batches = 0
    while done < STEPS:
        done += game.batch()
        batches += 1
        if batches % 10 == 0:
            game.flip()
        if batches % 40 == 0:
            game.more_people()
        if batches % 100 == 0:
            done += game.rush()
        if batches % 50 == 0:
            game.watch()
            # Every row of all tables is read for it, so it ends before the books are large.
            done += game.alone() if done < ALONE_UNTIL else 0
    game.watch()
    game.all_hold()
    assert game.seen.keys() >= EXPECTED, EXPECTED - game.seen.keys()
    assert {name for name, often in game.done.items() if often} == all_commands()
    assert game.seen[ACCEPTED] > STEPS // 10
    assert game.undisturbed > 20
    game.close()
    world.close()
