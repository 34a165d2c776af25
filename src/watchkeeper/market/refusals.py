"""Why a command was not accepted, in the words and codes of the market's errors."""

from __future__ import annotations

#: Code -> HTTP status (domain, Errors). A code that is not here cannot be raised.
STATUS: dict[str, int] = {
    "validation-failed": 422,
    "unauthenticated": 401,
    "session-expired": 401,
    "second-factor-required": 403,
    "account-not-active": 403,
    "invalid-role": 403,
    "not-authorized": 403,
    "not-admin": 403,
    "purchase-window-closed": 403,
    "unit-not-found": 404,
    "block-not-found": 404,
    "purchase-not-found": 404,
    "lock-not-found": 404,
    "lot-not-found": 404,
    "listing-not-found": 404,
    "user-not-found": 404,
    "utid-not-found": 404,
    "enrolment-not-found": 404,
    "not-found": 404,
    "method-not-allowed": 405,
    "spend-cap-exceeded": 409,
    "insufficient-capital": 409,
    "unit-not-available": 409,
    "already-verified": 409,
    "not-reversible": 409,
    "already-written-off": 409,
    "reference-already-used": 409,
    "already-active": 409,
    "already-acknowledged": 409,
    "resumption-refused": 409,
    "inventory-not-available": 409,
    "already-ended": 409,
    "deadline-passed": 409,
    "deadline-not-passed": 409,
    "nothing-due": 409,
    "phase-cap-reached": 409,
    "account-in-use": 409,
    "account-state": 409,
    "session-not-found": 404,
    "passkey-not-found": 404,
    "idempotency-key-reused": 422,
    "rate-limit-exceeded": 429,
    "request-too-large": 413,
    "unsupported-media-type": 415,
    "pilot-mode-active": 503,
    "system-shut-down": 503,
    "capability-blocked": 503,
    "monitor-silent": 503,
    "operation-restricted": 503,
    "feature-off": 503,
    "busy": 503,
    "offer-not-found": 404,
    "offer-not-accepted": 409,
    "offer-already-open": 409,
    "offer-not-open": 409,
    "listing-not-cancellable": 409,
    "insufficient-profit": 409,
    "insufficient-earnings": 409,
    "notice-not-found": 404,
    "reconciliation-not-found": 404,
    "already-reconciled": 409,
    "already-explained": 409,
    "payment-not-found": 404,
    "already-waived": 409,
    "unrecovered-not-found": 404,
    "out-of-turn": 409,
}


class Refusal(Exception):
    """This command is not accepted. The detail says what to do next and nothing about anybody else."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        retry_after_seconds: int | None = None,
        resets_at: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = STATUS[code]
        self.code = code
        self.detail = detail
        self.field = field
        self.retry_after_seconds = retry_after_seconds
        self.resets_at = resets_at
        #: Whether it stands among the counts of refusals already; each counts once, wherever it is caught.
        self.counted = False


def paused() -> Refusal:
    """What nobody can vouch for now: the operator looks into it."""
    return Refusal(
        "operation-restricted", "This operation is paused while the operator looks into it. Try again later."
    )


def in_the_way(said: str) -> Refusal:
    """A cure that the database refuses, which `said` why: the operator works among rows that somebody else has written."""
    # Without the values that a server adds.
    key = said.partition(" DETAIL:")[0].rstrip(".")
    return Refusal(
        "resumption-refused",
        f"Something that stands in the books is in the way of this: {key}. Put that right first.",
    )
