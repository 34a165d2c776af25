"""Playbook 1: an account's stored balance is not what its entries add up to."""

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
    "1",
    "Balance inconsistent",
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
            "Find the first wrong row",
            "Everything after the first wrong row follows from it. Compare it with the sealed original, look at who wrote it.",
            Check.CONCLUSION,
            Action.CONCLUDE,
        ),
        required(
            "cure",
            "Repair, or correct and acknowledge",
            "Repair puts the sealed bytes back. A row that truly happened is acknowledged instead, and the balance "
            "corrected; look at the predicted balances first.",
            Check.FINDINGS_CURED,
            Action.CURE,
        ),
        VERIFY,
        LIFT,
        DOCUMENT,
    ),
)
