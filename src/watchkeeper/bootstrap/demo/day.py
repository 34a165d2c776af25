"""A market day: the acts of the table in turn, seeded, as fast as is asked for, and for as long as nobody stops it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import partial

import httpx
import structlog

from watchkeeper.base.clock import Clock, SystemClock
from watchkeeper.base.utid import base36
from watchkeeper.bootstrap.demo.acts import KINDS, Kind, money, office, trade
from watchkeeper.bootstrap.demo.client import Refused
from watchkeeper.bootstrap.demo.floor import PRODUCE, Floor
from watchkeeper.bootstrap.demo.people import SEED, People

#: Between two acts of the day, in seconds, at speed 1.
_PAUSE_SECONDS = 0.5
#: Where there is nothing to do of one kind another is tried, so often.
_TRIES_MAX = 6
_FIRST_DEPOSIT_UGX = 400_000
_log = structlog.get_logger()


def _nothing() -> None:
    """Nobody keeps who came and went."""


class Day:
    """Plays until it is stopped. What the market refuses is part of a day, and counted.

    `keep` is called whenever somebody came, left, or has another password.
    """

    def __init__(
        self,
        people: People,
        *,
        speed: float,
        clock: Clock | None = None,
        keep: Callable[[], None] = _nothing,
    ) -> None:
        self._pause = _PAUSE_SECONDS / max(0.1, min(speed, 20.0))
        self._draw = random.Random(SEED)
        self._floor = Floor(people, draw=self._draw, clock=clock or SystemClock(), run=base36(6), keep=keep)
        self._turns = {kind.name: self._draw.random() / kind.weight for kind in KINDS}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._play, name="day", daemon=True)
        #: How often each kind of act was done, by its name in the table.
        self.done: dict[str, int] = {}
        #: How often the market refused something, by its code.
        self.refused: dict[str, int] = {}

    def open(self) -> None:
        """Open the market: switches, capital, some of every produce, and a first lock for each trader."""
        floor = self._floor
        self._tried("pilot mode released", partial(office.release, floor, "/v1/pilot-mode"))
        self._tried("windows opened", partial(office.open_window, floor))
        for trader in floor.people.traders:
            self._tried("deposits", partial(money.pay_in, floor, trader, _FIRST_DEPOSIT_UGX))
        for _ in PRODUCE:
            self._tried("listings", partial(trade.list_produce, floor))
        for trader in floor.people.traders:
            self._tried("locks", partial(trade.lock_for, floor, trader))

    def start(self) -> None:
        """Open the market and begin."""
        self.open()
        self._thread.start()

    def stop(self) -> None:
        """End the day."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def step(self) -> None:
        """Do one thing: what is next, or what comes after it where there is nothing of that to do."""
        for _ in range(_TRIES_MAX):
            kind = min(KINDS, key=lambda one: self._turns[one.name])
            # By weight, and never twice in the same order; nothing waits for ever for its turn.
            self._turns[kind.name] += self._draw.uniform(0.5, 1.5) / kind.weight
            if self._played(kind):
                return

    def _play(self) -> None:
        while not self._stopping.wait(self._pause):
            try:
                self.step()
            except Exception as error:
                # A day that ended by itself would look like a quiet market.
                name = type(error).__name__
                self.refused[name] = self.refused.get(name, 0) + 1
                _log.warning("day.step_failed", error=name, detail=str(error)[:200])

    def _played(self, kind: Kind) -> bool:
        """Whether there was anything to do; what is refused was something, too."""
        pace = self._floor.pace
        if kind.often is not None and not pace.free(kind.name, kind.often):
            return False
        before = self.done.get(kind.name, 0)
        tried = self._tried(kind.name, partial(kind.play, self._floor))
        if kind.often is not None and self.done.get(kind.name, 0) > before:
            pace.take(kind.name, kind.often)
        return tried

    def _tried(self, name: str, act: Callable[[], bool]) -> bool:
        try:
            if not act():
                return False
        except Refused as refusal:
            code = str(refusal)
        except httpx.HTTPError:
            code = "no answer"
        else:
            self.done[name] = self.done.get(name, 0) + 1
            return True
        self.refused[code] = self.refused.get(code, 0) + 1
        return True
