"""Playbook 14: something was decided, or set back, and nobody decided it."""

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
    "14",
    "An autonomous act",
    (
        immediate(
            "blocked",
            "Block what acted by itself",
            "The command that nobody decided stops for everyone; after a reversal that nobody decided, all reversals.",
            Check.CONTAINED,
        ),
        LOGGED,
        TOLD,
        required(
            "investigate",
            "What acted, and on whose word",
            "The documented authority lists what the system may do by itself, and how far. This is not in it. A bug, "
            "or somebody who writes as the system? Write down what came of it, and of a lift whether the stop belongs "
            "back.",
            Check.CONCLUSION,
            Action.CONCLUDE,
        ),
        required(
            "cure",
            "Acknowledge each act, then decide it yourself",
            "What truly happened is acknowledged as it stands and its balance corrected. Whether it is done again, or "
            "undone, a person decides now, with a reason.",
            Check.FINDINGS_CURED,
            Action.CURE,
        ),
        VERIFY,
        LIFT,
        DOCUMENT,
    ),
)
