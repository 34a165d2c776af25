"""kill -9 of the process that writes the books: what was answered stands, once, whole."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.worlds.books import Market
from tests.worlds.system import ENVIRONMENT
from watchkeeper.market.commands import Act, Answer, InviteUser

LOAD = Path(__file__).parent / "kill_load.py"


@pytest.mark.rule("journal.durable", "journal.dense")
def test_every_answer_stands_and_counts_once(data: Path, rounds: Callable[[int], int]) -> None:
    market = Market(data)
    draw = random.Random(7)
    answered: dict[str, tuple[int, str]] = {}
    for number in range(rounds(300)):
        process = subprocess.Popen(
            [
                sys.executable,
                str(LOAD),
                str(market.data),
                market.market.system_id,
                str(market.admin_id),
                str(number),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        assert process.stdout is not None
        kill = draw.randrange(1, 40)
        for count, line in enumerate(process.stdout):
            parts = line.split()
            if line.endswith("\n") and len(parts) == 3:
                answered[parts[0]] = (int(parts[1]), parts[2])
            if count == kill:
                # A moment of its own choosing within the next batch.
                threading.Event().wait(draw.random() * 0.003)
                process.kill()
        process.wait(30)
    assert len(answered) > rounds(300)
    books = market.books.database
    for key, (n, utid) in answered.items():
        row = books.one("SELECT n, utid FROM journal WHERE idempotency_key = ?", (key,))
        assert row == (n, utid)
        users = books.one("SELECT count(*) FROM users WHERE utid = ?", (utid,))
        assert users == (1,)
    dense = books.one("SELECT count(*), max(n) FROM journal")
    assert dense is not None
    assert dense[0] == dense[1]
    key, (n, utid) = next(iter(answered.items()))
    market.keep_lease()
    again = market.executor.run(
        [
            Act(
                command=InviteUser(role="trader", reason="invited while the power may go"),
                actor_id=market.admin_id,
                command_id="another",
                idempotency_key=key,
                body_digest="b",
            )
        ]
    )[0]
    assert isinstance(again, Answer)
    assert (again.n, again.utid, again.replayed) == (n, utid, True)
    market.close()


@pytest.mark.rule("lock.first-wins")
def test_fifty_clients_lock_one_unit_and_one_wins(data: Path) -> None:
    from watchkeeper.market.commands import PayToLock
    from watchkeeper.market.housekeeping import Housekeeping
    from watchkeeper.market.intake import Intake
    from watchkeeper.market.reading import open_books
    from watchkeeper.market.refusals import Refusal
    from watchkeeper.market.switching import Switching

    market = Market(data)
    (unit,) = market.units(1)
    traders = [market.trader(capital_ugx=10_000) for _ in range(50)]
    system_id = market.market.system_id
    books = open_books(market.data, system_id=system_id)
    switching = Switching(market.data, system_id=system_id, books=books, clock=market.clock)
    housekeeping = Housekeeping(
        market.data,
        system_id=system_id,
        books=open_books(market.data, system_id=system_id),
        switching=switching,
        clock=market.clock,
    )
    market.keep_lease()
    intake = Intake(market.executor, lease=market.lease, housekeeping=housekeeping, clock=market.clock)
    intake.start()
    barrier = threading.Barrier(50)
    codes: list[str] = []

    def client(trader: int) -> None:
        barrier.wait(10)
        try:
            intake.submit(market.act(PayToLock(unit_id=unit), trader)).result(30)
            codes.append("accepted")
        except Refusal as refusal:
            codes.append(refusal.code)

    threads = [threading.Thread(target=client, args=(trader,)) for trader in traders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    intake.stop()
    housekeeping.close()
    assert sorted(codes) == ["accepted"] + ["unit-not-available"] * 49
    assert market.books.database.one("SELECT count(*) FROM locks") == (1,)


@pytest.mark.rule("exposure.serial")
def test_locks_that_fit_singly_but_not_together_keep_the_limit(data: Path) -> None:
    from watchkeeper.market.commands import CreateListing, PayToLock

    market = Market(data)
    listing = market.one(
        CreateListing(produce="Vanilla", grams=50_000, price_ugx_per_kg=60_000), market.farmer
    )
    units = listing.body["unit_ids"]
    assert isinstance(units, list)
    market.keep_lease()
    outcomes = market.executor.run([market.act(PayToLock(unit_id=unit), market.tina) for unit in units])
    assert [isinstance(outcome, Answer) for outcome in outcomes] == [True, False, False, False, False]
    assert market.books.wallet(market.tina).exposure_ugx == 600_000
    market.close()
