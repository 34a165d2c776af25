"""Runs a command that nothing paces as fast as it can, in a process of its own, until its input closes.

Writes `+` for each that was accepted, `-` for each that the switch refused.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from watchkeeper.base.clock import SystemClock
from watchkeeper.base.utid import base36
from watchkeeper.boundary.lease import LeaseReader, LeaseStore
from watchkeeper.market.commands import Act, Answer, InviteUser
from watchkeeper.market.execute import Executor


def main() -> None:
    data, system_id, admin = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    clock = SystemClock()
    lease = LeaseReader(LeaseStore(data, system_id=system_id, role="watch"), clock=clock)
    executor = Executor(data, system_id=system_id, clock=clock, lease=lease)
    ended = threading.Event()

    def until_closed() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=until_closed, daemon=True).start()
    while not ended.is_set():
        command = InviteUser(role="farmer", reason="load while the switch is flipped")
        outcome = executor.run([Act(command=command, actor_id=admin, command_id=base36(16))])[0]
        if isinstance(outcome, Answer):
            print("+", end="", flush=True)
        elif outcome.code == "system-shut-down":
            print("-", end="", flush=True)
    executor.close()


main()
