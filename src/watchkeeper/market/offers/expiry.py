"""Expiring offers by the rule, a bounded batch a second (documented authority: expire-offer).

What fell due while nobody was running is caught up batch by batch. An offer expires once, whoever tries: the act has the
same id each time, and the rule refuses one that has ended. Shutdown stops it.
"""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.base.clock import Instant, later
from watchkeeper.base.database import Database
from watchkeeper.market.commands import Act, ExpireOffer
from watchkeeper.market.execute import Outcome
from watchkeeper.market.probes import SYSTEM_USER_ID
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.rows import number

AT_ONCE_MAX = 100
#: What is refused rests so long, so that a restriction is not asked, and counted, every second.
_REST_SECONDS = 60


class Expiry:
    """Remembers how far it went, so that offers under a restriction do not hold up those behind them."""

    def __init__(self, books: Database) -> None:
        self._books = books
        self._after = (0, 0)
        self._resting: dict[str, Instant] = {}

    def run(self, execute: Callable[[list[Act]], list[Outcome]], *, at: Instant) -> list[Outcome]:
        """Expire what is due at `at`, one batch; what each act was answered."""
        rows = self._books.query(
            "SELECT o.utid, s.expires_at, s.offer_id FROM offer_state s JOIN offers o ON o.id = s.offer_id "
            "WHERE s.status IN ('pending', 'countered', 'accepted') AND s.expires_at <= ? "
            "AND (s.expires_at, s.offer_id) > (?, ?) ORDER BY s.expires_at, s.offer_id LIMIT ?",
            (at, *self._after, AT_ONCE_MAX),
        )
        full = len(rows) == AT_ONCE_MAX
        self._after = (number(rows[-1][1]), number(rows[-1][2])) if full else (0, 0)
        self._resting = {utid: until for utid, until in self._resting.items() if until > at}
        due = [utid for utid in (str(row[0]) for row in rows) if utid not in self._resting]
        if not due:
            return []
        outcomes = execute(
            [
                Act(
                    command=ExpireOffer(offer_utid=utid),
                    actor_id=SYSTEM_USER_ID,
                    command_id="expire-" + utid,
                )
                for utid in due
            ]
        )
        for utid, outcome in zip(due, outcomes, strict=True):
            if isinstance(outcome, Refusal):
                self._resting[utid] = later(at, seconds=_REST_SECONDS)
        return outcomes
