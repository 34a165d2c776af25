"""Engage and release the switches. In force for every commit after the call returns.

The order inside the exclusive section: may this actor do it (read from the books, which cannot
change meanwhile, because every command holds the gate), what is the journal's last number, write
the flip. The books get their row afterwards, under the same UTID, driven again after a crash.
"""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.base.clock import Clock
from watchkeeper.boundary.flips import Flip, insert
from watchkeeper.boundary.gate import GateState, Hold, Switch
from watchkeeper.boundary.gatestore import Gate, holds


class FlipNotAllowed(Exception):
    """This hold belongs to somebody else."""


def flip(
    gatestore: Gate,
    *,
    switch: Switch,
    hold: Hold,
    action: str,
    actor: str,
    role: str,
    reason: str,
    utid: str,
    check: Callable[[GateState], None],
    journal_tail: Callable[[], int],
    clock: Clock,
) -> Flip:
    """Engage or release one hold of one switch and record it.

    `check` sees the gate as it stands and raises to forbid; `journal_tail` gives the last journal number. Both run while no command
    can commit. Engaging what is engaged is recorded again and harmless. Raises `GateBusy` when a
    command decided earlier has not ended within 3 s: the flip is then not in force.
    """
    with gatestore.exclusive() as database:
        generation, standing, restrictions = gatestore.read(database)
        check(
            GateState(
                generation=generation,
                holds=standing,
                restrictions=restrictions,
                # A switch is not money: the lease has no say in it, and the stop file only adds to shutdown.
                lease_silent=False,
                stop_file=False,
            )
        )
        tail = journal_tail()
        generation += 1
        if action == "engage":
            database.execute(
                "INSERT INTO holds (switch, hold, utid) VALUES (?, ?, ?) ON CONFLICT (switch, hold) DO NOTHING",
                (switch.value, hold.value, utid),
            )
        else:
            database.execute("DELETE FROM holds WHERE switch = ? AND hold = ?", (switch.value, hold.value))
        engaged_after = any(held is switch for held, _ in holds(database))
        last = database.one("SELECT max(number) FROM flips")
        number = 1 + (int(str(last[0])) if last and last[0] is not None else 0)
        row = Flip(
            number=number,
            utid=utid,
            switch=switch,
            hold=hold,
            action=action,
            actor=actor,
            role=role,
            reason=reason,
            journal_n=tail,
            engaged_after=engaged_after,
            generation=generation,
            at=clock.now(),
        )
        insert(database, row)
    return row
