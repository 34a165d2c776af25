"""9.2 Delivery verification is not half-working.

Holds when: saying what became of a lock, in every outcome, and giving back what was not delivered all pass or are all off as
the operator last turned them; nothing but switches, the lease and restrictions refuses any of them; their rules answer; what
they write is published; and the checks of their rows came to an end in the same pass.

Why it matters: a lock that can be found late and never reversed keeps a trader's money, and nobody can give it back.

Contained: verification. What is verified already can still be reversed, as far as that works.

Blind to: as 9.1: a rule that answers the probe and refuses every real delivery; what happens between two probes.

Proven by: one command's row of the gate switched off past the operator, or gone.
"""

from __future__ import annotations

from watchkeeper.boundary.features import BY_NAME, DELIVERY_VERIFICATION
from watchkeeper.boundary.gate import OperationClass
from watchkeeper.operation.catalogue import features
from watchkeeper.operation.catalogue.context import Context
from watchkeeper.operation.catalogue.model import Draft, Invariant, Seen

_STOPS = frozenset({OperationClass.VERIFICATION})


def now(context: Context) -> list[Draft]:
    """The feature as the market's last probes and the gate show it."""
    return features.judged(context, DELIVERY_VERIFICATION, invariant="9.2", stops=_STOPS)


def _again(context: Context, _: Seen) -> list[Draft]:
    return now(context)


INVARIANT = Invariant(
    "9.2",
    "delivery verification not half-working",
    "high",
    "13",
    closes={"half working": features.whole_again(DELIVERY_VERIFICATION, _again)},
    now=now,
    reads=BY_NAME[DELIVERY_VERIFICATION].checks,
)
