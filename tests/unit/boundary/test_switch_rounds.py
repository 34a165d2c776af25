"""No gated commit after a switch's answer, under load from another process, round after round."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.waiting import until
from tests.worlds.books import REASON, Market
from tests.worlds.system import ENVIRONMENT
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.switching import Switching

LOAD = Path(__file__).parent / "switch_load.py"


def test_nothing_gated_commits_after_the_answer(data: Path, rounds: Callable[[int], int]) -> None:
    switched(data, rounds(1000))


def switched(data: Path, times: int) -> None:
    """Flip pilot mode so often while another process lists as fast as it can; nothing it lists falls in between."""
    market = Market(data)
    system_id, admin = market.market.system_id, market.books.user(market.admin_id)
    assert admin is not None
    books = market.books.database
    switching = Switching(market.data, system_id=system_id, books=books, clock=market.clock)

    def last_number() -> int:
        row = books.one("SELECT max(n) FROM journal")
        return 0 if row is None or row[0] is None else int(str(row[0]))

    def moved_past(seen: int) -> bool:
        return last_number() > seen

    # Nobody lists more than ten times a day, so each round has a farmer of its own pace: a fresh one when one is spent.
    load: subprocess.Popen[str] | None = None
    passed = 0
    try:
        for number in range(times):
            if number % 5 == 0:
                if load is not None and load.stdin is not None:
                    load.stdin.close()
                    load.wait(30)
                farmer = market.person("farmer")
                load = subprocess.Popen(
                    [
                        sys.executable,
                        str(LOAD),
                        str(market.data),
                        system_id,
                        str(farmer),
                        str(market.admin_id),
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=ENVIRONMENT,
                )
                assert load.stdout is not None
                assert load.stdout.readline() == "ready\n"
            before = last_number()
            until(partial(moved_past, before), what="the load runs")
            flip = switching.flip(switch=Switch.PILOT_MODE, action="engage", actor=admin, reason=REASON)
            until(partial(moved_past, last_number()), what="commits go on while it is on")
            off = switching.flip(switch=Switch.PILOT_MODE, action="release", actor=admin, reason=REASON)
            late = books.query(
                "SELECT n FROM journal WHERE command = 'create_listing' AND n > ? AND n <= ?",
                (flip.journal_n, off.journal_n),
            )
            assert late == [], f"round {number}"
            passed += 1
        assert passed == times
        listed = books.one("SELECT count(*) FROM journal WHERE command = 'create_listing'")
        assert listed is not None
        assert int(str(listed[0])) > 0, "the load never listed anything"
    finally:
        if load is not None and load.stdin is not None:
            load.stdin.close()
            load.wait(30)
        switching.close()
        market.close()
