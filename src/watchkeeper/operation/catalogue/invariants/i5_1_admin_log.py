"""5.1 The admin log is immutable.

Holds when: every sealed row of the admins' actions has its bytes, and none is gone.

Why it matters: it is the only witness of what people with power did, and they could be who rewrites it.

Contained: everything that admins do, until it is known what was hidden.

Blind to: an action that was never written down (8.1); who changed the row.

Proven by: a reason rewritten, an actor exchanged, a row deleted, an instant moved.
"""

from __future__ import annotations

from watchkeeper.operation.catalogue import closing
from watchkeeper.operation.catalogue.model import Invariant

INVARIANT = Invariant(
    "5.1",
    "admin log immutable",
    "critical",
    "12",
    closes=closing.COUNTED,
)
