"""The market's own rounds: when each was last at work, and what keeps one at rest (catalogue, Documented authority)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from watchkeeper.base.clock import Clock
from watchkeeper.boundary.features import JOBS
from watchkeeper.boundary.gate import Switch
from watchkeeper.boundary.selftest import FAILS, RESTS, WORKS, JobTurn, Settled

#: Beside shutdown, which rests them all.
_RESTS_IN: Mapping[str, frozenset[Switch]] = {"storage fee": frozenset({Switch.PILOT_MODE})}

#: No turn for so long, with the round well before: the machine was asleep, and everything begins anew.
_ASLEEP_SECONDS = 60.0

_log = structlog.get_logger()


class Rounds:
    """Remembers the last turn of each round. Belongs to one thread."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        begun = clock.boot()
        # Until it first turns it has turned never: its age grows from the start of the process.
        self._turns = {job: JobTurn(job, RESTS, "not begun", 0, begun, begun, None) for job in JOBS}

    def turn(
        self,
        job: str,
        work: Callable[[], Settled | None],
        *,
        generation: int,
        engaged: frozenset[Switch],
        enabled: frozenset[str],
        rest: Callable[[], None] = lambda: None,
    ) -> None:
        """Have a round do its next part, unless it has to rest; whatever goes wrong with it keeps no other from its turn.

        What is stopped is not even tried: it would be refused each second, and counted.
        """
        before, now = self._turns[job], self._clock.boot()
        stopped = sorted(engaged & ({Switch.SHUTDOWN} | _RESTS_IN.get(job, frozenset())))
        if stopped or JOBS[job] not in enabled:
            rest()
            why = "its feature is off" if not stopped else f"{stopped[0].value} is engaged"
            self._turns[job] = JobTurn(job, RESTS, why, generation, now, now, None)
            return
        age = now.seconds_since(before.turned)
        slept = before.state == WORKS and (age is None or age > _ASLEEP_SECONDS)
        since = now if before.state == RESTS or slept else before.working_since
        try:
            settled = work()
        except Exception as error:
            # It has not turned: `turned` stays what it was, and the watch sees it grow old.
            _log.exception("round.failed", job=job)
            self._turns[job] = JobTurn(
                job, FAILS, type(error).__name__, generation, before.turned, since, before.settled
            )
            return
        self._turns[job] = JobTurn(job, WORKS, "", generation, now, since, settled)

    def turns(self) -> list[JobTurn]:
        """The last turn of each."""
        return [*self._turns.values()]
