"""9.1 Purchase is not half-working.

Holds when: buying, giving back, pickup and expiry all pass or are all off as the operator last turned them; nothing but
switches, the lease and restrictions refuses any of them; their rules answer; what they write is published; and the checks of
their rows came to an end in the same pass.

Why it matters: a block that can be bought and not picked up holds a trader's goods and a buyer's hope for nothing.

Contained: new purchases. What is bought can still be fetched, expire or be given back, as far as it works.

Blind to: a rule that answers the probe and refuses every real buyer; what happens between two probes, 30 s at most.

Proven by: one command's row of the gate switched off past the operator; a row gone; a switch that stops one command too many.
"""

from __future__ import annotations

from watchkeeper.boundary.features import BY_NAME, PURCHASE
from watchkeeper.boundary.gate import OperationClass
from watchkeeper.operation.catalogue import features
from watchkeeper.operation.catalogue.context import Context
from watchkeeper.operation.catalogue.model import Draft, Invariant, Seen

_STOPS = frozenset({OperationClass.PURCHASE})


def now(context: Context) -> list[Draft]:
    """The feature as the market's last probes and the gate show it."""
    return features.judged(context, PURCHASE, invariant="9.1", stops=_STOPS)


def _again(context: Context, _: Seen) -> list[Draft]:
    return now(context)


INVARIANT = Invariant(
    "9.1",
    "purchase not half-working",
    "high",
    "13",
    closes={"half working": features.whole_again(PURCHASE, _again)},
    now=now,
    reads=BY_NAME[PURCHASE].checks,
)
