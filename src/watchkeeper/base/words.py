"""Text from outside made harmless: no control or direction characters, bounded, one line."""

from __future__ import annotations

import unicodedata


def harmless(text: str, length_max: int) -> str:
    """The text without anything that could hide, break or reorder what stands around it."""
    kept = "".join(
        " " if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") else character
        for character in text[: 4 * length_max]
    )
    line = " ".join(kept.split())
    return line if len(line) <= length_max else line[: length_max - 1] + "…"
