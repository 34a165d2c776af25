"""Codes and links that are handed over: each is shown once, and a request sent again brings no other one later.

An answer may be lost on its way, so for a few minutes the same request may have its secret made anew, if nothing was done
with the account since. After that its key opens nothing: a secret that nobody journals must not be made.
"""

from __future__ import annotations

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND
from watchkeeper.interfaces.market_web.services import MarketServices
from watchkeeper.market.commands import Answer
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import resets
from watchkeeper.market.state import User

#: A lost answer is asked for again within this time.
AGAIN_SECONDS = 5 * 60


def first_answer(services: MarketServices, answer: Answer, user: User) -> bool:
    """Whether a secret goes with this answer: it is the first, or the first was a moment ago and the account is as it was."""
    if not answer.replayed:
        return True
    books = services.handles().books
    at = books.journalled_at(answer.n)
    if at is None or abs(services.clock.now() - at) > AGAIN_SECONDS * MICROSECONDS_PER_SECOND:
        return False
    return not books.touched_since(answer.n, subject=user.alias)


def check_first_answer(services: MarketServices, answer: Answer, user: User) -> None:
    """Raise `Refusal` account-state where no secret goes with this answer."""
    if not first_answer(services, answer, user):
        raise asked_before()


def asked_before() -> Refusal:
    """What whoever sends an old request again is told."""
    return Refusal("account-state", "This was asked before. To do it again, ask under a new key.")


def link(services: MarketServices, user: User) -> str:
    """The path of a new enrolment link; older ones of the account end. Raises `PaceExceeded`."""
    token = resets.issue_link(services.handles().identities, user, at=services.clock.now())
    return f"/enrol/{token}"
