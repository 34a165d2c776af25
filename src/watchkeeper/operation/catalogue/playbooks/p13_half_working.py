"""Playbook 13: a feature is neither on nor off as a whole."""

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
    "13",
    "A feature half working",
    (
        immediate(
            "blocked",
            "Stop what begins new business of the feature",
            "What works of the rest goes on, so that begun business can end as far as it may.",
            Check.CONTAINED,
        ),
        LOGGED,
        TOLD,
        required(
            "investigate",
            "What does not work, and why",
            "A row of the gate that the operator did not set, a rule that does not answer, a view or a round that is gone, or a "
            "day that nobody deducted. `watchkeeper feature list` shows each command.",
            Check.CONCLUSION,
            Action.CONCLUDE,
        ),
        required(
            "cure",
            "Turn the feature off or on as a whole",
            "Off while its cause is still there: everything of it is refused alike, and people are told so. On when the cause "
            "is gone; with nothing to change in between, turn it off and on again. The market probes it at once.",
            Check.FINDINGS_CURED,
            Action.TURN_FEATURE,
        ),
        VERIFY,
        LIFT,
        DOCUMENT,
    ),
)
