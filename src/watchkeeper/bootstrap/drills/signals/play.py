"""A signal, played in a copy of a market that was made for many."""

from __future__ import annotations

from watchkeeper.base.clock import Clock
from watchkeeper.bootstrap.drills.play import Played
from watchkeeper.bootstrap.drills.prepared import Prepared, opened
from watchkeeper.bootstrap.drills.signals.model import Signal
from watchkeeper.bootstrap.drills.signals.stage import Stage, StageClock


def play_signal(market: Prepared, signal: Signal, *, clock: Clock) -> Played:
    """Play it; what was not met, and the times from the end of the act."""
    turned = StageClock(clock)
    with market.copy() as place:
        world = opened(place, clock=turned)
        try:
            stage = Stage(world, turned)
            try:
                signal.speaks(stage)
                return Played(tuple(stage.unmet), stage.detect_ms, stage.contain_ms)
            finally:
                stage.close()
        finally:
            world.close()
