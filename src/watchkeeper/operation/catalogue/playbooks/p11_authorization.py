"""Playbook 11: a row stands in the books that no command wrote, or not as the command wrote it."""

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
    "11",
    "A way round the server",
    (
        immediate(
            "blocked",
            "Block what the row touches",
            "The account, the unit or the commands of that table. Everything else goes on.",
            Check.CONTAINED,
        ),
        LOGGED,
        TOLD,
        required(
            "investigate",
            "Which rows, and by whom",
            "The market did not write this row. Find out who reached the database, and whether the money is real.",
            Check.CONCLUSION,
            Action.CONCLUDE,
        ),
        required(
            "cure",
            "Repair or acknowledge each row",
            "A sealed row that changed is put back. A row too many that truly happened is acknowledged, what it moved "
            "is booked to suspense, and the balance corrected.",
            Check.FINDINGS_CURED,
            Action.CURE,
        ),
        VERIFY,
        LIFT,
        DOCUMENT,
    ),
)
