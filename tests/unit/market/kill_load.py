"""Runs deposits and prints each answer's number and key, until it is killed."""

from __future__ import annotations

import sys
from pathlib import Path

from watchkeeper.base.clock import SystemClock
from watchkeeper.boundary.lease import LeaseKeeper, LeaseReader, LeaseStore
from watchkeeper.market.commands import Act, Answer, InviteUser
from watchkeeper.market.execute import Executor


def main() -> None:
    data, system_id, admin, round_ = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    clock = SystemClock()
    lease = LeaseReader(LeaseStore(data, system_id=system_id, role="watch"), clock=clock)
    LeaseKeeper(LeaseStore(data, system_id=system_id, role="watch"), clock=clock)
    executor = Executor(data, system_id=system_id, clock=clock, lease=lease)
    for number in range(1_000_000):
        keys = [f"{round_}-{number}-{part}" for part in range(3)]
        acts = [
            Act(
                command=InviteUser(role="trader", reason="invited while the power may go"),
                actor_id=admin,
                command_id=f"c-{key}",
                idempotency_key=key,
                body_digest="b",
            )
            for key in keys
        ]
        for key, outcome in zip(keys, executor.run(acts), strict=True):
            if isinstance(outcome, Answer):
                print(key, outcome.n, outcome.utid, flush=True)


main()
