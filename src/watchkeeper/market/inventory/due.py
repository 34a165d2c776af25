"""What the store is due by itself: blocks to be formed, days to be deducted (catalogue, Documented authority).

Both are found in the books anew after a restart, a bounded part in each round; whether anything is due is decided once
more in the transaction that writes it. So it is harmless to look twice, from two processes, or after a pause.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.clock import BootTime, Clock, Instant, later
from watchkeeper.base.database import Database
from watchkeeper.base.utid import base36
from watchkeeper.boundary.selftest import Settled
from watchkeeper.market.commands import Act, FormBlock, StorageFee
from watchkeeper.market.execute import Executor
from watchkeeper.market.inventory.rules import DAY_MICROSECONDS, DAYS_AT_ONCE_MAX, Times, due_days
from watchkeeper.market.listings import naming
from watchkeeper.market.load import goods
from watchkeeper.market.probes import SYSTEM_USER_ID
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.rows import number
from watchkeeper.market.state import BLOCK_LOTS, State

#: New lots and lots for the fee that one round looks at, and commands that it runs.
_NEW_LOTS_MAX = 500
_FEE_LOTS_MAX = 100
_COMMANDS_MAX = 50
#: Once every lot was looked at and nothing was due, the next look waits so long; a day is long.
_IDLE_SECONDS = 30
#: A refused lot rests so long, so that a restriction is not asked every second.
_REST_SECONDS = 60
#: Refusals after which a lot is done with for this round; the watch judges whether a restriction stands.
_DONE_WITH = frozenset({"nothing-due", "operation-restricted"})


@dataclass(slots=True)
class _Round:
    """One look at every lot in store: when it began, whether a command was run in it, and whether something is left."""

    began: Instant
    boot: BootTime
    ran: bool = False
    undone: bool = False


class Due:
    """Belongs to the thread that writes the books."""

    def __init__(self, books: Database, *, clock: Clock) -> None:
        self._books = books
        self._clock = clock
        #: Lots up to here were looked at for blocks: only a new lot can complete one.
        self._formed_to = 0
        self._deducted_to = 0
        #: Lot -> until when it rests, and whether it is undone meanwhile.
        self._resting: dict[int, tuple[Instant, bool]] = {}
        self._round: _Round | None = None
        self._settled: Settled | None = None
        self._idle_since: BootTime | None = None
        self._idle_until = Instant(0)

    def form_blocks(self, executor: Executor) -> None:
        """Form the blocks that new lots complete."""
        rows = self._books.query(
            "SELECT id, trader_id, produce FROM lots WHERE id > ? ORDER BY id LIMIT ?",
            (self._formed_to, _NEW_LOTS_MAX),
        )
        left, all_formed = _COMMANDS_MAX, True
        for trader_id, produce in dict.fromkeys(
            (number(row[1]), naming.canonical(str(row[2]))) for row in rows
        ):
            while len(goods.free_lots(self._books, State(), trader_id, produce)) == BLOCK_LOTS:
                if left == 0 or not self._run(executor, FormBlock(trader_id=trader_id, produce=produce)):
                    # Whoever is refused holds up nobody else; these lots are looked at again.
                    all_formed = False
                    break
                left -= 1
        if rows and all_formed:
            self._formed_to = number(rows[-1][0])

    def deduct_fees(self, executor: Executor, *, pilot_mode: Times) -> Settled | None:
        """Deduct due days from the next lots in turn, a command for each; the last whole round that left nothing undone."""
        now = self._clock.now()
        if self._idles(now):
            return self._settled
        if self._round is None:
            self._round = _Round(now, self._clock.boot())
        self._resting = {lot_id: rest for lot_id, rest in self._resting.items() if rest[0] > now}
        rows = self._books.query(
            "SELECT l.id FROM lots l WHERE l.id > ? AND l.at <= ? "
            "AND NOT EXISTS (SELECT 1 FROM write_offs w WHERE w.lot_id = l.id) "
            "AND NOT EXISTS (SELECT 1 FROM block_lots b JOIN block_state s ON s.block_id = b.block_id "
            "WHERE b.lot_id = l.id AND s.status <> 'in_storage') ORDER BY l.id LIMIT ?",
            (self._deducted_to, now - DAY_MICROSECONDS, _FEE_LOTS_MAX),
        )
        lot_ids = [number(row[0]) for row in rows]
        state = State()
        goods.lots(self._books, state, lot_ids)
        goods.blocks(self._books, state, goods.blocks_of_lots(self._books, lot_ids))
        acts: list[Act] = []
        ended = False
        for lot_id in lot_ids:
            if len(acts) == _COMMANDS_MAX:
                break
            self._deducted_to = lot_id
            lot = state.lots[lot_id]
            if not lot.grams_left:
                continue
            if lot_id in self._resting:
                until, undone = self._resting[lot_id]
                self._round.undone |= undone
                # Of this lot the round says no more than what was decided when it was refused.
                self._round.began = min(self._round.began, later(until, seconds=-_REST_SECONDS))
                continue
            block = None if lot.block_id is None else state.blocks.get(lot.block_id)
            days = due_days(
                started_at=lot.started_at,
                at=now,
                deducted=lot.fee_days,
                pilot_mode=pilot_mode,
                awaiting=() if block is None else block.awaiting,
                limit=DAYS_AT_ONCE_MAX + 1,
            )
            if days:
                # What one command does not take is the next round's.
                self._round.undone |= len(days) > DAYS_AT_ONCE_MAX
                acts.append(
                    Act(
                        command=StorageFee(lot_id=lot_id, from_day=days[0]),
                        actor_id=SYSTEM_USER_ID,
                        command_id=f"fee-{lot_id}-{days[0]}",
                    )
                )
        else:
            ended = len(lot_ids) < _FEE_LOTS_MAX
        self._round.ran |= bool(acts)
        try:
            outcomes = executor.run(acts)
        except Exception:
            # These lots were passed by; the round leaves them to the next.
            self._round.undone = True
            raise
        for act, outcome in zip(acts, outcomes, strict=True):
            if isinstance(outcome, Refusal) and isinstance(act.command, StorageFee):
                undone = outcome.code not in _DONE_WITH
                self._round.undone |= undone
                self._resting[act.command.lot_id] = (later(now, seconds=_REST_SECONDS), undone)
        # A clock that was set back meanwhile says by what instant all of this was decided.
        self._round.began = min(self._round.began, now, self._clock.now())
        if ended:
            self._end_round(now)
        return self._settled

    def rest(self) -> None:
        """Nothing may be deducted for now: what comes after is a round of its own."""
        self._deducted_to, self._round, self._settled = 0, None, None
        self._idle_since = None

    def _idles(self, now: Instant) -> bool:
        # By either clock: a day may end because somebody set the wall's, and one that was set back keeps nobody idle.
        if self._idle_since is None:
            return False
        age = self._clock.boot().seconds_since(self._idle_since)
        return now < self._idle_until and age is not None and age < _IDLE_SECONDS

    def _end_round(self, now: Instant) -> None:
        ended = self._round
        self._deducted_to, self._round = 0, None
        if ended is None:
            return
        if not ended.undone:
            row = self._books.one("SELECT coalesce(max(n), 0) FROM journal")
            self._settled = Settled(ended.began, ended.boot, number(row[0]) if row else 0)
        if not ended.ran:
            self._idle_since, self._idle_until = self._clock.boot(), later(now, seconds=_IDLE_SECONDS)

    @staticmethod
    def _run(executor: Executor, command: FormBlock) -> bool:
        act = Act(command=command, actor_id=SYSTEM_USER_ID, command_id=f"block-{base36(16)}")
        return not isinstance(executor.run([act])[0], Refusal)
