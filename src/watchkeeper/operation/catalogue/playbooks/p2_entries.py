"""Playbook 2: a ledger entry is gone or changed."""

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
    "2",
    "Ledger entry gone or changed",
    (
        immediate(
            "blocked",
            "Block all wallets",
            "Whoever changes one entry may have changed others, so no wallet moves. Listings go on.",
            Check.CONTAINED,
        ),
        LOGGED,
        TOLD,
        required(
            "investigate",
            "Which rows, and how",
            "Each row is shown beside its sealed original. Note who had access to the database when it happened.",
            Check.CONCLUSION,
            Action.CONCLUDE,
        ),
        required(
            "defences",
            "Verify the defences",
            "The triggers that refuse changes must be there again before the rows are put back.",
            Check.DEFENCES,
            Action.RESTORE_DEFENCES,
        ),
        required(
            "cure",
            "Repair from the sealed copy",
            "Puts every changed or missing row back, byte for byte, and records both digests.",
            Check.FINDINGS_CURED,
            Action.CURE,
        ),
        VERIFY,
        LIFT,
        DOCUMENT,
    ),
)
