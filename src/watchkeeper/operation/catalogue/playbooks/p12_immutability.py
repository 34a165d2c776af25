"""Playbook 12: a row that nobody may change is gone or another: of a log, or a UTID."""

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
    "12",
    "An immutable row gone or changed",
    (
        immediate(
            "blocked",
            "Block what writes there",
            "The commands that add to this log stop for everyone: who changed one row may have changed others.",
            Check.CONTAINED,
        ),
        LOGGED,
        TOLD,
        required(
            "investigate",
            "Which rows, and what they hid",
            "Each row is shown beside its sealed original. Ask what the change was meant to hide, and who could "
            "reach the database then.",
            Check.CONCLUSION,
            Action.CONCLUDE,
        ),
        required(
            "cure",
            "Repair from the sealed copy",
            "Puts every changed or missing row back, byte for byte. A row that was wrong from the start, and truly "
            "happened, is acknowledged as it stands.",
            Check.FINDINGS_CURED,
            Action.CURE,
        ),
        VERIFY,
        LIFT,
        DOCUMENT,
    ),
)
