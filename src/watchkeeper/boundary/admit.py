"""The market's handle on the gate: may this pass? Asked inside the transaction that writes.

Only the market's executor uses this module (an import contract says so).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.boundary import gate
from watchkeeper.boundary.flips import flips, times_on
from watchkeeper.boundary.gate import STOP_FILE_NAME, GateState, OperationClass, Scope, Switch
from watchkeeper.boundary.gatestore import Gate, enabled
from watchkeeper.boundary.lease import LeaseReader

_FLIPS_MAX = 100_000


class Admission:
    """Opens the gate for one batch after the other."""

    def __init__(self, gatefile: Gate, *, lease: LeaseReader, data: Path) -> None:
        self._gatefile = gatefile
        self._lease = lease
        self._stop_file = data / STOP_FILE_NAME
        self._open: Database | None = None

    @contextmanager
    def open(self, books: Database) -> Iterator[GateState]:
        """The gate's state, true until the block ends: end it after the commit of the transaction that is open on `books`,
        not before.

        Raises `GateUnreadable` or `GateBusy`; both mean that nothing may be written.
        """
        with self._gatefile.shared(books) as database:
            generation, holds, restrictions = self._gatefile.read(database)
            self._open = database
            try:
                yield GateState(
                    generation=generation,
                    holds=holds,
                    restrictions=restrictions,
                    lease_silent=self._lease.silent(),
                    stop_file=self._stop_file.exists(),
                    enabled=enabled(database),
                )
            finally:
                self._open = None

    def pilot_mode(self) -> tuple[tuple[Instant, Instant | None], ...]:
        """The times in which pilot mode was on, inside `open`: from, and until when, None while it lasts."""
        if self._open is None:
            raise RuntimeError("the gate is not open")
        return times_on(flips(self._open, limit=_FLIPS_MAX), Switch.PILOT_MODE)


def check(
    state: GateState,
    *,
    command: str | None,
    classes: frozenset[OperationClass],
    touched: Iterable[Scope],
) -> None:
    """Let one command pass, or a read, which is none, or raise `gate.Refused`."""
    gate.decide(state, command=command, classes=classes, touched=touched)


def causes(
    state: GateState, *, command: str, classes: frozenset[OperationClass], touched: Iterable[Scope]
) -> list[str]:
    """The codes of everything that stops one command now, in the order in which they speak; for a live probe."""
    return [refused.code for refused in gate.causes(state, command=command, classes=classes, touched=touched)]
