"""Small changes of a text in SQL: one comparison, one connective, one aggregate, one literal at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SPEAKS_SQL = re.compile(r"\b(SELECT|FROM|WHERE|EXISTS|JOIN|AND|ORDER BY)\b")
_SWAPS = {
    "<=": ("<", ">"),
    ">=": (">", "<"),
    "<": ("<=", ">="),
    ">": (">=", "<="),
    "=": ("<>",),
    "<>": ("=",),
    "AND": ("OR",),
    "OR": ("AND",),
    "NOT EXISTS": ("EXISTS",),
    "EXISTS": ("NOT EXISTS",),
    "NOT IN": ("IN",),
    "IN": ("NOT IN",),
    "max(": ("min(",),
    "min(": ("max(",),
    "sum(": ("max(",),
    "DESC": ("ASC",),
    "+": ("-",),
}
_PLACES = re.compile(
    r"<=|>=|<>|<|>|=|\+|\b(?:NOT EXISTS|EXISTS|NOT IN|IN|AND|OR|DESC)\b|\b(?:max|min|sum)\(|'[^']+'|\b\d+\b"
)
#: Of numbers after these the query does not depend: what is selected is only asked to be there, and the first row is read.
_IDLE = re.compile(r"\b(SELECT|LIMIT)\s*\Z")


def speaks_sql(text: str) -> bool:
    """Whether a text is a statement, or a piece of one."""
    return _SPEAKS_SQL.search(text) is not None


def changes(text: str) -> Iterator[tuple[str, str, str]]:
    """Each change: what stood there, what stands there instead, and the whole text with it."""
    for place in _PLACES.finditer(text):
        found = place.group()
        if found.startswith("'"):
            instead: tuple[str, ...] = (f"{found[:-1]}x'",)
        elif found.isdecimal():
            instead = () if _IDLE.search(text[: place.start()]) else (str(int(found) + 1),)
        else:
            instead = _SWAPS[found]
        for other in instead:
            before, after = text[max(0, place.start() - 25) : place.start()], text[place.end() :][:15]
            yield (
                before + found + after,
                before + other + after,
                text[: place.start()] + other + text[place.end() :],
            )
