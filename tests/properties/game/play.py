"""Playing it: batches of whatever comes to mind, and a watch that looks on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from tests.properties.game.goods import GoodsMoves
from tests.properties.game.people import PeopleMoves
from tests.properties.game.table import Step
from tests.properties.game.trade import TradeMoves
from tests.properties.model import ACCEPTED
from tests.worlds.books import digest_of_all
from watchkeeper.market.commands import Answer
from watchkeeper.operation.verifier import verdicts
from watchkeeper.operation.verifier.tail import watermarks

#: So many steps alone in a row are hardly ever accepted all.
ALONE_MAX = 10
#: More deposits than the limit lets pass in an hour.
RUSH = 12


class Game(TradeMoves, GoodsMoves, PeopleMoves):
    """All moves, each as often as it is likely."""

    def step(self) -> Step:
        """One command with arguments that are mostly sensible."""
        moves = {
            self.list_produce: 8,
            self.take_back: 2,
            self.remove: 1,
            self.offer: 6,
            self.answer: 6,
            self.withdraw_offer: 1,
            self.expire_offer: 2,
            self.lock: 14,
            self.verify: 14,
            self.reverse: 3,
            self.deposit: 6,
            self.withdraw: 2,
            self.payout: 2,
            self.write_off: 1,
            self.write_off_block: 1,
            self.form_block: 4,
            self.storage_fee: 6,
            self.purchase: 5,
            self.cancel_purchase: 2,
            self.purchase_expiry: 3,
            self.pickup: 3,
            self.invite: 2,
            self.activate: 2,
            self.suspend: 1,
            self.unsuspend: 2,
            self.change_role: 1,
            self.delete: 1,
            self.end_sessions: 1,
            self.issue_reset: 1,
            self.reset_second_factor: 1,
            self.new_password: 1,
            self.set_phase: 1,
            self.notice: 2,
            self.reconcile: 1,
            self.reconcile_part: 2,
        }
        return self.draw.choices([*moves], weights=[*moves.values()])[0]()

    def batch(self) -> int:
        """Some steps at once; how many. Answers and balances must be the model's."""
        return self._run([self.step] * self.draw.randint(1, 20))

    def rush(self) -> int:
        """One trader pays in more often at once than anybody may; how often."""
        trader = self.draw.choice(self.traders)
        return self._run([partial(self.deposit, trader)] * RUSH)

    def alone(self) -> int:
        """One step at a time until one is refused; how many. That one leaves every table as it was."""
        for tried in range(1, ALONE_MAX + 1):
            refused = self.seen.total() - self.seen[ACCEPTED]
            before = digest_of_all(self.world.data)
            self._run([self.step])
            if self.seen.total() - self.seen[ACCEPTED] > refused:
                assert digest_of_all(self.world.data) == before
                self.undisturbed += 1
                return tried
        return ALONE_MAX

    def _run(self, moves: Sequence[Callable[[], Step]]) -> int:
        self.bench.keep_lease()
        # Where somebody has bought, time is let pass more often: few orders are left until their time is over.
        waits = any(sale.outcome is None for sale in self.plain.sales.values())
        seconds = (
            self.draw.randint(1, 600)
            if not self.chance(0.1 if waits else 0.02)
            else self.draw.randint(6, 60) * 3600
        )
        self.clock.instant_offset += seconds * 1_000_000
        steps = [move() for move in moves]
        outcomes = self.bench.executor.run([self.bench.act(step.command, step.actor) for step in steps])
        for step, outcome in zip(steps, outcomes, strict=True):
            answered = ACCEPTED if isinstance(outcome, Answer) else outcome.code
            said = self.said(step, outcome)
            assert answered == said, f"{step.command} by {step.actor}: {answered}, not {said}"
        self.compare({step.actor for step in steps})
        return len(steps)

    def watch(self) -> None:
        """The watch reads on, and finds nothing."""
        for _ in range(100):
            before = watermarks(self.world.database)
            self.world.turn()
            if watermarks(self.world.database) == before:
                break
        assert self.world.database.query("SELECT invariant, detail FROM findings") == []

    def all_hold(self) -> None:
        """A full pass, and every verdict of either mode."""
        self.world.full_pass()
        # Of a million steps that takes minutes, in which nobody turned the continuous checks.
        self.world.turn()
        views = verdicts.current(self.world.database, clock=self.clock)
        assert {(view.continuous, view.full) for view in views} == {(verdicts.HOLDS, verdicts.HOLDS)}
