"""5.3 The rate-limit log is immutable.

Holds when: every sealed row of the rate-limit hits has its bytes, and none is gone.

Why it matters: who tries to go past the limits shows there first, and would like it gone.

Contained: the commands that the limits hold back.

Blind to: hits that the market's process held in memory when it was killed; at most a minute's summary each.

Proven by: a count lowered, an actor exchanged, a row deleted, an instant moved.
"""

from __future__ import annotations

from watchkeeper.operation.catalogue import closing
from watchkeeper.operation.catalogue.model import Invariant

INVARIANT = Invariant(
    "5.3",
    "rate-limit log immutable",
    "critical",
    "12",
    closes=closing.COUNTED,
)
