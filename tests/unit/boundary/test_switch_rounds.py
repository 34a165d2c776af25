"""No gated commit after a switch's answer, under load from another process, round after round."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.waiting import until
from tests.worlds.books import REASON, Market
from tests.worlds.system import ENVIRONMENT
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.switching import Switching

LOAD = Path(__file__).parent / "switch_load.py"


class Load:
    """The other process: how many of its commands were accepted, and how many the switch refused, as it says so."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.counts = {"+": 0, "-": 0}
        self._process = process
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        while said := self._process.stdout.read(1):
            self.counts[said] += 1

    def goes_on(self, sign: str, *, what: str) -> None:
        """Wait until some more were answered like this."""
        wanted = self.counts[sign] + 3
        until(partial(self._reached, sign, wanted), seconds=60, what=what)

    def _reached(self, sign: str, wanted: int) -> bool:
        return self.counts[sign] >= wanted


@contextmanager
def _load(market: Market) -> Iterator[Load]:
    process = subprocess.Popen(
        [sys.executable, str(LOAD), str(market.data), market.market.system_id, str(market.admin_id)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    try:
        yield Load(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


def test_nothing_gated_commits_after_the_answer(data: Path, rounds: Callable[[int], int]) -> None:
    switched(data, rounds(1000))


def switched(data: Path, times: int) -> None:
    """Shut down and release so often while another process invites as fast as it can; none falls in between.

    Each round has commits right before the switch and attempts that it refuses, so each could have failed.
    """
    market = Market(data)
    system_id, operator = market.market.system_id, market.books.user(market.market.operator.id)
    assert operator is not None
    books = market.books.database
    switching = Switching(market.data, system_id=system_id, books=books, clock=market.clock)
    with _load(market) as load:
        for number in range(times):
            load.goes_on("+", what=f"commits before round {number}")
            on = switching.flip(switch=Switch.SHUTDOWN, action="engage", actor=operator, reason=REASON)
            load.goes_on("-", what=f"refusals in round {number}")
            off = switching.flip(switch=Switch.SHUTDOWN, action="release", actor=operator, reason=REASON)
            between = books.query(
                "SELECT n FROM journal WHERE n > ? AND n <= ? AND command = 'invite_user'",
                (on.journal_n, off.journal_n),
            )
            assert between == [], f"round {number}"
        load.goes_on("+", what="commits after the last round")
    switching.close()
    market.close()
