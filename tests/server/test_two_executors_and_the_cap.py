"""Two executors on one database never pass the pilot's cap together."""

from __future__ import annotations

import threading

import pytest

from tests.worlds.books import REASON, Market
from watchkeeper.market.commands import Act, ActivateUser, Answer, InviteUser, SetPhase
from watchkeeper.market.execute import Executor
from watchkeeper.market.users.rules import PILOT_CAPS


def _together(market: Market, acts: list[Act]) -> int:
    """Run half of the acts on each of two executors at the same time; how many were accepted."""
    executors = [
        Executor(market.data, system_id=market.market.system_id, clock=market.clock, lease=market.lease)
        for _ in range(2)
    ]
    barrier = threading.Barrier(2)
    accepted: list[Answer] = []

    def work(side: int) -> None:
        barrier.wait(10)
        for act in acts[side::2]:
            outcome = executors[side].run([act])[0]
            if isinstance(outcome, Answer):
                accepted.append(outcome)

    threads = [threading.Thread(target=work, args=(side,)) for side in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for executor in executors:
        executor.close()
    return len(accepted)


@pytest.mark.rule("account.pilot-caps")
def test_two_executors_activate_up_to_the_cap_and_not_one_more(market: Market) -> None:
    invite = InviteUser(role="farmer", reason=REASON)
    invited = [int(str(market.one(invite, market.admin_id).body["user_id"])) for _ in range(20)]
    market.one(SetPhase(phase="pilot", reason=REASON), market.market.operator.id)
    free = PILOT_CAPS["farmer"] - market.books.active()["farmer"]
    assert _together(market, [market.act(ActivateUser(), user_id) for user_id in invited]) == free
    assert market.books.active()["farmer"] == PILOT_CAPS["farmer"]


def test_two_executors_invite_up_to_the_cap_and_not_one_more(market: Market) -> None:
    market.one(SetPhase(phase="pilot", reason=REASON), market.market.operator.id)
    acts = [market.act(InviteUser(role="buyer", reason=REASON), market.admin_id) for _ in range(20)]
    assert _together(market, acts) == PILOT_CAPS["buyer"]
