"""Expiring offers by the rule, a bounded batch a second (documented authority: expire-offer).

What fell due while nobody was running is caught up batch by batch. An offer expires once, whoever tries: the act has the
same id each time, and the rule refuses one that has ended. Shutdown stops it.
"""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.market.commands import Act, ExpireOffer
from watchkeeper.market.execute import Outcome
from watchkeeper.market.load import number
from watchkeeper.market.probes import SYSTEM_USER_ID

AT_ONCE_MAX = 100


class Expiry:
    """Remembers how far it went, so that offers under a restriction do not hold up those behind them."""

    def __init__(self, books: Database) -> None:
        self._books = books
        self._after = (0, 0)

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
        if not rows:
            return []
        return execute(
            [
                Act(
                    command=ExpireOffer(offer_utid=str(utid)),
                    actor_id=SYSTEM_USER_ID,
                    command_id="expire-" + str(utid),
                )
                for utid, _, _ in rows
            ]
        )
