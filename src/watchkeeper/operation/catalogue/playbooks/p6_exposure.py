"""Playbook 6: a trader is exposed above the limit."""

from __future__ import annotations

from watchkeeper.operation.catalogue.playbooks.model import (
    DOCUMENT,
    LIFT,
    LOGGED,
    TOLD,
    VERIFY,
    Action,
    Check,
    Playbook,
    immediate,
    required,
)

PLAYBOOK = Playbook(
    "6",
    "Exposure over the limit",
    (
        immediate(
            "blocked",
            "Block this trader's locks",
            "No new lock by this trader. Deliveries already paid for may still be verified.",
            Check.CONTAINED,
        ),
        LOGGED,
        TOLD,
        required(
            "enforcement",
            "Verify that the limit is enforced",
            "Did the lock come through the market's entrance or past it? A lock without a journal row came past it.",
            Check.CONCLUSION,
            Action.CONCLUDE,
        ),
        required(
            "reduce",
            "Bring the exposure down",
            "A lock without a journal row: acknowledge it and book its amount as locked first. Then unwind a lock "
            "that has no outcome (it is recorded as cancelled and its exact amount returns). What is delivered stays "
            "until it is picked up or written off.",
            Check.FINDINGS_CURED,
            Action.CURE,
            Action.UNWIND,
        ),
        VERIFY,
        LIFT,
        DOCUMENT,
    ),
)
