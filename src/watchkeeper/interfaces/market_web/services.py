"""What the routes work with: the intake that everyone shares, and connections that belong to one thread each."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Database
from watchkeeper.boundary.lease import LeaseReader
from watchkeeper.market.commands import Act, Answer
from watchkeeper.market.intake import Intake
from watchkeeper.market.reading import Books
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin.sign_in import Gatekeeper
from watchkeeper.market.signin.site import NOWHERE, Site
from watchkeeper.market.signin.store import open_identities
from watchkeeper.market.switching import Switching

#: A command that takes longer is answered busy; its outcome is known by its idempotency key.
ANSWER_SECONDS_MAX = 15.0


@dataclass(slots=True)
class Handles:
    """One thread's connections."""

    books: Books
    identities: Database
    switching: Switching
    gatekeeper: Gatekeeper


class MarketServices:
    """Everything that a route needs."""

    def __init__(
        self,
        data: Path,
        *,
        system_id: str,
        intake: Intake,
        lease: LeaseReader,
        clock: Clock,
        site: Site = NOWHERE,
    ) -> None:
        self.data = data
        self.system_id = system_id
        self.intake = intake
        self.lease = lease
        self.clock = clock
        self.site = site
        self._local = threading.local()

    def handles(self) -> Handles:
        """This thread's connections, opened when first needed."""
        found = getattr(self._local, "handles", None)
        if not isinstance(found, Handles):
            books = Books(self.data, system_id=self.system_id)
            identities = open_identities(self.data, system_id=self.system_id)
            found = Handles(
                books=books,
                identities=identities,
                switching=Switching(
                    self.data, system_id=self.system_id, books=books.database, clock=self.clock
                ),
                gatekeeper=Gatekeeper(
                    identities,
                    books,
                    self.intake.note_attempt,
                    self.intake.note_denied,
                    self.clock,
                    self.site,
                ),
            )
            self._local.handles = found
        return found

    def run(self, act: Act) -> Answer:
        """Run a command; raises its `Refusal`."""
        return answered(self.intake.submit(act))


def answered(future: Future[Answer]) -> Answer:
    """The answer, or `Refusal` busy when it does not come in time."""
    try:
        return future.result(ANSWER_SECONDS_MAX)
    except FutureTimeout as error:
        raise Refusal(
            "busy",
            "No answer in time. Send the same request with the same Idempotency-Key again: it counts once.",
            retry_after_seconds=5,
        ) from error
