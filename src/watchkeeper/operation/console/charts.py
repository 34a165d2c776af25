"""A series as a small picture: a stepped line on a grid of whole numbers, with gaps where nothing is known.

The words beside it say the same, so nobody needs the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from watchkeeper.operation.catalogue.metrics import STATES, Metric
from watchkeeper.operation.metrics.history import Slot, Span

#: The grid: a slot is so wide, the highest value so high.
SLOT, HEIGHT = 10, 100
_STATE_HEIGHT = 30


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture and its words. Lengths are in the grid's units."""

    metric: str
    title: str
    labels: str
    #: The value of this moment; UNKNOWN when there is none.
    now: str
    #: HOLDS or BROKEN where there is a threshold, plain where there is none, UNKNOWN when nothing is known.
    state: str
    threshold: str
    #: What it was over the time, in a sentence.
    words: str
    width: int
    height: int
    #: The stepped line, and the area from the least to the greatest value, as SVG paths.
    line: str
    band: str
    #: (x, width) of what is not known.
    gaps: tuple[tuple[int, int], ...]
    threshold_y: int | None
    #: The value at the upper edge.
    top: str
    is_state: bool


def draw(
    metric: Metric, labels: tuple[str, ...], slots: Sequence[Slot | None], *, now: int | None, span: Span
) -> Chart:
    """Draw one series."""
    known = [slot for slot in slots if slot is not None]
    is_state = metric.least == 1 or metric.drawn == STATES
    height = _STATE_HEIGHT if is_state else HEIGHT
    # A threshold of zero is the lower edge itself.
    bound = metric.most or None
    top = max([slot.high for slot in known] + [bound or 0, 1])

    def y(value: int) -> int:
        return height - min(max(value, 0), top) * height // top

    return Chart(
        metric=metric.full_name,
        title=metric.title,
        labels=", ".join(labels),
        now="UNKNOWN" if now is None else text(metric, now),
        state=_state(metric, now),
        threshold=_threshold(metric),
        words=_words(metric, slots, known, span),
        width=len(slots) * SLOT,
        height=height,
        line=_steps(slots, [None if slot is None else y(slot.total // slot.known) for slot in slots]),
        band=_band(slots, y_of=y),
        gaps=_gaps(slots),
        threshold_y=None if bound is None or is_state else y(bound),
        top=text(metric, top),
        is_state=is_state,
    )


def text(metric: Metric, value: int) -> str:
    """A value for people, with its unit."""
    if metric.called is not None and value in (0, 1):
        return metric.called[value]
    if metric.scale == 1:
        return f"{value:,} {metric.unit}".rstrip()
    if 0 < value < metric.scale:
        return f"{value * 1000 // metric.scale} ms"
    return f"{value // metric.scale:,}.{value % metric.scale * 10 // metric.scale} {metric.unit}".rstrip()


def _state(metric: Metric, now: int | None) -> str:
    if now is None:
        return "UNKNOWN"
    if metric.most is None and metric.least is None:
        return "plain"
    return "HOLDS" if metric.well(now) else "BROKEN"


def _threshold(metric: Metric) -> str:
    if metric.most == 0:
        return "Must be 0."
    if metric.most is not None:
        return f"At most {text(metric, metric.most)}."
    return "" if metric.least is None else f"Must be {text(metric, metric.least)}."


def _words(metric: Metric, slots: Sequence[Slot | None], known: Sequence[Slot], span: Span) -> str:
    if not known:
        return f"Nothing is known of the last {span.title}."
    low, high = min(slot.low for slot in known), max(slot.high for slot in known)
    said = (
        f"{text(metric, low)} all the time" if low == high else f"{text(metric, low)} to {text(metric, high)}"
    )
    if metric.least == 1 and low != high:
        share = sum(slot.total for slot in known) * 1000 // sum(slot.known for slot in known)
        said = f"{text(metric, 1)} in {share // 10}.{share % 10} % of the samples"
    gap = len(slots) - len(known)
    unknown = f"; not known for {gap} of {len(slots)} parts of it" if gap else ""
    return f"{said} over the last {span.title}{unknown}."


def _steps(slots: Sequence[Slot | None], heights: Sequence[int | None]) -> str:
    parts: list[str] = []
    before: int | None = None
    for index in range(len(slots)):
        at = heights[index]
        if at is not None:
            move = f"M{index * SLOT} {at}" if before is None else f"V{at}" if at != before else ""
            parts.append(f"{move}H{(index + 1) * SLOT}")
        before = at
    return "".join(parts)


def _band(slots: Sequence[Slot | None], *, y_of: Callable[[int], int]) -> str:
    return "".join(
        f"M{index * SLOT} {y_of(slot.high)}h{SLOT}V{y_of(slot.low)}h-{SLOT}z"
        for index, slot in enumerate(slots)
        if slot is not None and slot.high != slot.low
    )


def _gaps(slots: Sequence[Slot | None]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for index, slot in enumerate(slots):
        if slot is not None:
            continue
        if found and sum(found[-1]) == index * SLOT:
            found[-1] = (found[-1][0], found[-1][1] + SLOT)
        else:
            found.append((index * SLOT, SLOT))
    return tuple(found)
