"""Playbook 7: something got through that a switch ought to have stopped."""

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
    "7",
    "Money moved in pilot mode",
    (
        immediate(
            "blocked",
            "Block money",
            "A switch that does not stop money stops nothing: all of it stands still, whatever the switch says.",
            Check.CONTAINED,
        ),
        LOGGED,
        TOLD,
        required(
            "investigate",
            "Which commands got through",
            "Each is listed with its number, between the numbers at which the switch was on.",
            Check.CONCLUSION,
            Action.CONCLUDE,
        ),
        required(
            "probe",
            "Probe the switches",
            "A command of a stopped class goes through the real entrance and must be refused. It never commits.",
            Check.SWITCHES_BITE,
            Action.PROBE,
        ),
        required(
            "cure",
            "Acknowledge each, then correct",
            "What truly happened is acknowledged, one by one, and its balance corrected. A lock is unwound: recorded "
            "as cancelled, and its money given back.",
            Check.FINDINGS_CURED,
            Action.CURE,
            Action.UNWIND,
        ),
        VERIFY,
        LIFT,
        DOCUMENT,
    ),
)
