"""How much is read and judged at once: things in pieces, and walks over more things than are held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from watchkeeper.base.database import Database

#: Things of one page where nothing speaks for another number.
PAGE = 200
#: Slices of entries after which a full pass gives a sign of life, and what it found.
JOINED = 20
#: Below every key of a table.
_BEFORE_ALL = -(2**62)

Thing = TypeVar("Thing")
Place = TypeVar("Place")


def pieces(things: Sequence[Thing], size: int = PAGE) -> Iterator[Sequence[Thing]]:
    """The things in their order, `size` at a time; the last piece may be shorter, and none is empty."""
    for begin in range(0, len(things), size):
        yield things[begin : begin + size]


def walked(
    read: Callable[[Place], Sequence[Thing]], place: Callable[[Thing], Place], first: Place
) -> Iterator[Sequence[Thing]]:
    """Page after page: `read` gives those beyond a place, and each page begins where the last thing of the one before is.

    Ends with the first page that is empty. What is added behind the walk meanwhile is not seen.
    """
    after = first
    while page := read(after):
        yield page
        after = place(page[-1])


def joined(lists: Iterable[list[Thing]], many: int) -> Iterator[list[Thing]]:
    """What stands in so many lists as one list, and at last in those that are left over, even if that is nothing."""
    together: list[Thing] = []
    for number, some in enumerate(lists, start=1):
        together += some
        if number % many == 0:
            yield together
            together = []
    yield together


def keys(database: Database, columns: Sequence[tuple[str, str]], size: int = PAGE) -> Iterator[Sequence[int]]:
    """The keys that stand in any of these (view, indexed column), ascending, each once; what is no integer is left out."""

    def beyond(after: int) -> list[int]:
        found = {
            key
            for view, column in columns
            for (key,) in database.query(
                f"SELECT {column} FROM {view} WHERE {column} > ? ORDER BY {column} LIMIT ?", (after, size)
            )
            if isinstance(key, int)
        }
        return sorted(found)[:size]

    return walked(beyond, lambda key: key, _BEFORE_ALL)
