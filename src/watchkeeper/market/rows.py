"""Values of rows as what they are, and lists of them for a query."""

from __future__ import annotations

from collections.abc import Collection

from watchkeeper.base.canonical import Value


def number(value: Value) -> int:
    """An integer column, as an integer."""
    if not isinstance(value, int):
        msg = f"expected an integer, found {type(value).__name__}"
        raise TypeError(msg)
    return value


def text_or_none(value: Value) -> str | None:
    """A text column that may be NULL."""
    return None if value is None else str(value)


def marks(values: Collection[object]) -> str:
    """Question marks for an IN list; nothing is in an empty one."""
    return ", ".join("?" * len(values)) or "NULL"
