"""Running drills one after the other, each fault in a place of its own that is gone afterwards."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.base.clock import Clock
from watchkeeper.bootstrap.drills.faults import FAULTS
from watchkeeper.bootstrap.drills.play import play_in_copy
from watchkeeper.bootstrap.drills.prepared import Prepared
from watchkeeper.bootstrap.drills.results import DrillResult, FaultResult
from watchkeeper.bootstrap.drills.signals import SIGNALS
from watchkeeper.bootstrap.drills.signals.model import Signal
from watchkeeper.bootstrap.drills.signals.play import play_signal


def in_order(name: str) -> tuple[str, list[int]]:
    """Sorts drills as the catalogue counts: 2.3 before 10.1, invariants before the others."""
    letter = name[0] if name[0].isalpha() else ""
    return letter, [int(part) for part in name.removeprefix(letter).split(".")]


#: Drill id -> the faults that prove it: an invariant's number.
DRILLS = {
    name: tuple(fault for fault in FAULTS if fault.proves == name)
    for name in sorted({fault.proves for fault in FAULTS}, key=in_order)
}


#: Drill's name -> the signals that prove a row: T4.2, M2.1, Aproof-stale, Sshutdown.
SIGNAL_DRILLS: dict[str, tuple[Signal, ...]] = {
    name: tuple(signal for signal in SIGNALS if signal.drill == name)
    for name in dict.fromkeys(signal.drill for signal in SIGNALS)
}

#: Every drill by its name, in the order in which all of them are run.
NAMES = (*DRILLS, *SIGNAL_DRILLS)


def run_drill(
    name: str,
    market: Prepared,
    *,
    clock: Clock,
    say: Callable[[str], None] = lambda _: None,
) -> DrillResult:
    """Play every fault or signal that proves this row, each in a copy of the market. `say` hears of each as it ends."""
    if name in SIGNAL_DRILLS:
        return _run_signals(SIGNAL_DRILLS[name], market, clock=clock, say=say)
    result = DrillResult("invariant", name, market.engine)
    say(f"{result.kind} {name}")
    for fault in DRILLS[name]:
        played = play_in_copy(market, fault, clock=clock)
        one = FaultResult(fault.name, played.unmet, played.detect_ms, played.contain_ms)
        result.faults.append(one)
        say(one.line)
    result.proved_at = clock.now()
    return result


def _run_signals(
    signals: tuple[Signal, ...], market: Prepared, *, clock: Clock, say: Callable[[str], None]
) -> DrillResult:
    result = DrillResult(signals[0].kind, signals[0].id, market.engine)
    say(f"{result.kind} {result.id}")
    for signal in signals:
        played = play_signal(market, signal, clock=clock)
        one = FaultResult(
            signal.does, played.unmet, played.detect_ms, played.contain_ms, contains=signal.contains
        )
        result.faults.append(one)
        say(one.line)
    result.proved_at = clock.now()
    return result
