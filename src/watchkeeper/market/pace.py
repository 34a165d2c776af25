"""How often an account may do something (domain, Rate limits). Pure; sliding windows, counted from the journal."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import State


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `accepted_max` accepted commands of these names in any `window_seconds`.

    One without commands is counted elsewhere: from the attempts to sign in, from the codes that were made.
    """

    name: str
    commands: tuple[str, ...]
    accepted_max: int
    window_seconds: int


LIMITS = (
    Limit("locks", ("pay_to_lock",), 20, 3600),
    Limit("deposits-and-withdrawals", ("deposit", "withdraw"), 10, 3600),
    Limit("listings", ("create_listing",), 10, 24 * 3600),
    Limit("purchases", ("purchase",), 5, 3600),
    Limit("offers", ("make_offer",), 20, 3600),
)
BY_COMMAND = {command: limit for limit in LIMITS for command in limit.commands}


class PaceExceeded(Refusal):
    """Too many in this time."""

    def __init__(self, limit: Limit, *, at: Instant, oldest: Instant) -> None:
        resets_at = oldest + limit.window_seconds * MICROSECONDS_PER_SECOND
        seconds = max(1, -(-(resets_at - at) // MICROSECONDS_PER_SECOND))
        super().__init__(
            "rate-limit-exceeded",
            f"The limit '{limit.name}' is {limit.accepted_max} in {limit.window_seconds // 60} minutes. "
            f"Try again in {seconds} seconds.",
            retry_after_seconds=seconds,
            resets_at=resets_at,
        )
        self.limit = limit


def check(state: State, *, actor_id: int, command: str, at: Instant) -> None:
    """Let one more pass or raise `PaceExceeded`; nothing is counted yet."""
    limit = BY_COMMAND.get(command)
    if limit is None:
        return
    seen = state.paces.get((actor_id, limit.name))
    if not seen:
        return
    begin = at - limit.window_seconds * MICROSECONDS_PER_SECOND
    while seen and seen[0] <= begin:
        seen.popleft()
    if len(seen) >= limit.accepted_max:
        raise PaceExceeded(limit, at=at, oldest=seen[len(seen) - limit.accepted_max])


def count(state: State, *, actor_id: int, command: str, at: Instant) -> None:
    """An accepted command counts for those after it in the same batch."""
    limit = BY_COMMAND.get(command)
    if limit is not None:
        state.paces[(actor_id, limit.name)].append(at)
