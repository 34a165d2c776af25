"""Text from outside, made safe to keep and to show: it can fill its own field and nothing else.

A record is read years later, by a person, in whatever viewer they have. So a character that is not seen
(control, direction override, zero width) is written out as its number, what is too long is cut with the
digest of the whole, and what Markdown would take for structure is escaped.
"""

from __future__ import annotations

import re
import unicodedata

from watchkeeper.base import canonical

#: The longest text of one field, in characters.
FIELD_CHARACTERS_MAX = 4_000
#: The longest single line: a title, an alias, a reference.
LINE_CHARACTERS_MAX = 200

_LINE_ENDS = re.compile("\r\n|[\r\n\v\f\x85\u2028\u2029]")
#: Control, format (direction and zero width), lone surrogate, private use, not assigned.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_INLINE = re.compile(r"[\\`*\[\]<>&|~$]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_LINE_START = re.compile(r"^[#+=-]")
_ORDERED = re.compile(r"^(\d{1,9})([.)])")


def _visible(character: str) -> str:
    if character in "\n ":
        return character
    category = unicodedata.category(character)
    if character == "\t" or category == "Zs":
        return " "
    return f"(U+{ord(character):04X})" if category in _UNSEEN else character


def clean(text: str, *, characters_max: int = FIELD_CHARACTERS_MAX) -> str:
    """Text with lines ended by `\\n`, nothing unseen in it, at most `characters_max` long.

    What is cut says so, within that length (150 at least). Cleaning a second time changes nothing.
    """
    kept = _LINE_ENDS.sub("\n", text[: 2 * characters_max])
    lines = "".join(_visible(character) for character in kept).split("\n")
    shown = "\n".join(line.rstrip() for line in lines).strip()
    if len(text) <= 2 * characters_max and len(shown) <= characters_max:
        return shown
    digest = canonical.digest(text.encode("utf-8", "surrogatepass"))
    note = f" ... (cut; {len(text)} characters, sha256 {digest})"
    return shown[: characters_max - len(note)].rstrip() + note


def clean_line(text: str, *, characters_max: int = LINE_CHARACTERS_MAX) -> str:
    """The same on a single line."""
    return " ".join(clean(text, characters_max=characters_max).split())


def inline(text: str) -> str:
    """Clean text as it stands within a line of Markdown, a table's cell too."""
    return _INLINE.sub(lambda match: "\\" + match[0], " ".join(text.split()))


def quoted(text: str) -> str:
    """Clean text as a block quotation of Markdown: whatever it holds, the quotation ends with it."""
    return "\n".join(f"> {_quoted_line(line)}".rstrip() for line in text.split("\n"))


def _quoted_line(line: str) -> str:
    escaped = inline(line)
    if _ORDERED.match(escaped):
        return _ORDERED.sub(r"\1\\\2", escaped, count=1)
    return "\\" + escaped if _LINE_START.match(escaped) else escaped
