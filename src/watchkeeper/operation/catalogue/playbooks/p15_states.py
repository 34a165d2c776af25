"""Playbook 15: a state row is not what the append-only rows give."""

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
    "15",
    "State overwritten",
    (
        immediate(
            "blocked",
            "Block the wallet",
            "Deposits, locks, settlements and reversals of this account stand still. Its neighbours trade on.",
            Check.CONTAINED,
        ),
        LOGGED,
        TOLD,
        required(
            "investigate",
            "Find out who overwrote it, and what happened since",
            "No command writes a state row without the rows that it follows from. What was decided on the strength of the "
            "wrong one stands in the journal: look at the acts of this account since then.",
            Check.CONCLUSION,
            Action.CONCLUDE,
        ),
        required(
            "restore",
            "Restore the state",
            "The state is worked out again from the rows that nobody may change. An account's sessions end with it. "
            "Where it cannot stand beside what came after, end that first.",
            Check.FINDINGS_CURED,
            Action.RESTORE_STATE,
        ),
        VERIFY,
        LIFT,
        DOCUMENT,
    ),
)
