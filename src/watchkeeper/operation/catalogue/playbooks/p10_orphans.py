"""Playbook 10: a UTID without a row, or a row that cites a UTID which is nowhere."""

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
    "10",
    "Orphaned UTID",
    (
        immediate(
            "blocked",
            "Block that command",
            "The command that left the orphan stops; everything else goes on.",
            Check.CONTAINED,
        ),
        LOGGED,
        TOLD,
        required(
            "trace",
            "Trace it from both ends",
            "What did the act say it did, and what stands there? Follow the UTID forwards and back.",
            Check.CONCLUSION,
            Action.CONCLUDE,
        ),
        required(
            "generation",
            "Verify how UTIDs come about",
            "Is it one forged row, or does the market's own entrance write acts without their rows? Look at the newest "
            "acts of the same command.",
            Check.CONCLUSION,
            Action.CONCLUDE,
        ),
        required(
            "cure",
            "Put back or acknowledge",
            "A row that is gone is repaired from its sealed copy, and its act has it again. What truly happened so is "
            "acknowledged as it stands.",
            Check.FINDINGS_CURED,
            Action.CURE,
        ),
        VERIFY,
        LIFT,
        DOCUMENT,
    ),
)
