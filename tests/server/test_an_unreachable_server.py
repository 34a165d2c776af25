"""A batch before a server that cannot be reached is answered at once, however long it is."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.worlds.books import REASON, Market, TurnableClock, digest
from watchkeeper.base.clock import BootTime
from watchkeeper.base.database import places
from watchkeeper.market.commands import Answer, Deposit, InviteUser
from watchkeeper.market.refusals import Refusal

BATCH = 40


class Closed:
    """Something at the server's address that hangs up on everybody, and counts them."""

    def __init__(self) -> None:
        self.callers = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._server.accept()
                self.callers += 1
                caller.close()

    def close(self) -> None:
        self._server.close()


@contextlib.contextmanager
def _elsewhere(data: Path) -> Iterator[Closed]:
    """The market's role finds nobody at home for as long as the block lasts."""
    before = places.addresses(data)
    closed = Closed()
    home, _, rest = before["market"].partition("@")
    roles = dict(before)
    roles["market"] = f"{home}@127.0.0.1:{closed.port}/{rest.partition('/')[2]}"
    places.write_addresses(data, roles)
    try:
        yield closed
    finally:
        places.write_addresses(data, before)
        closed.close()


def test_one_look_for_the_server_answers_a_whole_batch(folder: Path) -> None:
    market = Market(folder)
    market.executor.close()
    acts = [
        market.act(Deposit(amount_ugx=1000, provider="mtn", external_ref=f"U{n}"), market.tina)
        for n in range(BATCH)
    ]
    with _elsewhere(folder) as closed:
        outcomes = market.executor.run(acts)
        assert {o.code for o in outcomes if isinstance(o, Refusal)} == {"capability-blocked"}
        assert not any(isinstance(o, Answer) for o in outcomes)
        # A client tries with encryption and without; no act looks again for itself.
        assert 0 < closed.callers < BATCH // 4
    market.close()


class Hurried(TurnableClock):
    """Each look at boot time comes many seconds after the one before."""

    hurry = False

    def boot(self) -> BootTime:
        if self.hurry:
            self.boot_offset_seconds += 11
        return super().boot()


def test_what_is_not_tried_in_time_is_told_to_come_again_and_left_nothing(folder: Path) -> None:
    clock = Hurried()
    market = Market(folder, clock=clock)
    # Invitations run one by one, so each has its own place in the time that a call has.
    acts = [market.act(InviteUser(role="farmer", reason=REASON), market.admin_id) for _ in range(BATCH)]
    before = digest(folder)
    clock.hurry = True
    outcomes = market.executor.run(acts)
    clock.hurry = False
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Refusal)} == {"busy"}
    assert digest(folder) == before
    assert all(isinstance(outcome, Answer) for outcome in market.executor.run(acts))
    market.close()
