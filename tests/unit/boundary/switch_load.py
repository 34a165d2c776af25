"""Runs commands of a stopped class as fast as it can, in a process of its own, until its input closes."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from watchkeeper.base.clock import SystemClock
from watchkeeper.base.utid import base36
from watchkeeper.boundary.lease import LeaseReader, LeaseStore
from watchkeeper.market.commands import Act, CreateListing, InviteUser
from watchkeeper.market.execute import Executor


def main() -> None:
    data, system_id, farmer, admin = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    clock = SystemClock()
    lease = LeaseReader(LeaseStore(data, system_id=system_id, role="watch"), clock=clock)
    executor = Executor(data, system_id=system_id, clock=clock, lease=lease)
    ended = threading.Event()

    def until_closed() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=until_closed, daemon=True).start()
    print("ready", flush=True)
    while not ended.is_set():
        # Listings are stopped by pilot mode and paced; invitations are neither and keep the books moving.
        executor.run(
            [
                Act(command=command, actor_id=actor, command_id=base36(16))
                for command, actor in (
                    (CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=1), farmer),
                    (InviteUser(role="farmer", reason="load while the switch is flipped"), admin),
                )
            ]
        )
    executor.close()


main()
