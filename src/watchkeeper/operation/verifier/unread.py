"""How long the oldest row waits that was seen and not read yet, by boot time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from watchkeeper.base.clock import BootTime

#: Beyond so many looks without a row read, the oldest has waited far too long already.
_LOOKS_MAX = 10_000


@dataclass(slots=True)
class Unread:
    """Remembers which look saw which journal number first."""

    #: (the last number that a look saw, when that look began), both ascending.
    _seen: deque[tuple[int, BootTime]] = field(default_factory=deque)

    def note(self, *, read: int, last: int, begun: BootTime) -> None:
        """A look that began then has read up to number `read`, and the books end with number `last`."""
        while self._seen and self._seen[0][0] <= read:
            self._seen.popleft()
        first = begun
        while self._seen and self._seen[-1][0] > last:
            # The books end earlier than they did; what is left of them was seen no later.
            first = self._seen.pop()[1]
        newer = not self._seen or last > self._seen[-1][0]
        if last > read and newer and len(self._seen) < _LOOKS_MAX:
            self._seen.append((last, first))

    def since(self) -> BootTime | None:
        """When the oldest of them was seen first; None when everything is read."""
        return self._seen[0][1] if self._seen else None
