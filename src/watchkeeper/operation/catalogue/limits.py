"""What the documented authority limits the system's own acts by, as far as rows can say (catalogue, Documented authority)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from watchkeeper.boundary.gate import Switch
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.referred import AsSealed, AsTheyStand, Order, Rows

_HOUR = 3_600_000_000
#: An offer ends so long after its last step.
OFFER_MICROSECONDS = 24 * _HOUR
DAY_MICROSECONDS = 24 * _HOUR
BLOCK_LOTS = 10
#: A gate that was made anew has its flips from the journal, where each was written down a moment after it was made. So the
#: end of a time in pilot mode is known no better than by this.
_SURE_MICROSECONDS = 60_000_000
_DEDUCTIONS = "storage_fee_deductions"


def referred(context: Context, news: News) -> AsTheyStand:
    """The rows that the limits of these acts are told by; those of the storage fees, of which there are most, are read already."""
    standing = AsTheyStand(context)
    lot_ids = [
        one.row["lot_id"] for effects in news.effects.values() for one in effects if one.table == _DEDUCTIONS
    ]
    standing.foresee("lots", lot_ids)
    standing.foresee_orders(lot_ids)
    return standing


def exceeded(context: Context, standing: AsTheyStand, entry: Found, effects: Sequence[Found]) -> str | None:
    """Why this act of the system's own is beyond its limit; None when it is within, by its rows or by their seals."""
    judges: dict[str, Callable[[Rows, Found, Sequence[Found]], str | None]] = {
        "expire_offer": _offer,
        "form_block": _block,
        "storage_fee": partial(_fee, context),
    }
    judge = judges.get(str(entry.row["command"]))
    if judge is None or judge(standing, entry, effects) is None:
        return None
    return judge(AsSealed(context), entry, effects)


def _offer(rows: Rows, entry: Found, effects: Sequence[Found]) -> str | None:
    for step in (found.row for found in effects if found.table == "offer_steps"):
        offer = rows.by_utid("offers", step["offer_utid"])
        before = rows.steps(step["offer_utid"], before=integer(step["id"]))
        last = before[-1] if before else offer
        if last is None or integer(entry.row["at"]) - integer(last["at"]) < OFFER_MICROSECONDS:
            return "its last step was less than a day ago"
    return None


def _block(_: Rows, __: Found, effects: Sequence[Found]) -> str | None:
    lots = [found.row for found in effects if found.table == "block_lots"]
    if len(lots) != BLOCK_LOTS or len({row["trader_id"] for row in lots}) != 1:
        return "it is not of ten lots of one owner"
    return None


def _fee(context: Context, rows: Rows, entry: Found, effects: Sequence[Found]) -> str | None:
    days = [found.row for found in effects if found.table == _DEDUCTIONS]
    for row in days:
        lot = rows.by_key("lots", row["lot_id"])
        ended_at = 0 if lot is None else integer(lot["at"]) + integer(row["day"]) * DAY_MICROSECONDS
        if (
            lot is None
            or ended_at > integer(entry.row["at"])
            or integer(row["grams"]) < 0
            or integer(row["grams_after"]) < 0
        ):
            return "the day is not over, or less than nothing is left"
        if _in_pilot_mode(context, before=entry.key, ended_at=ended_at):
            return "pilot mode was on in that day"
        if _awaited(rows.orders(row["lot_id"]), ended_at=ended_at):
            return "the goods awaited a pickup in that day"
    return None


def _awaited(orders: Sequence[Order], *, ended_at: int) -> bool:
    """Whether the lot's block awaited a pickup at an instant of the day that ended then."""
    return any(
        integer(purchase["at"]) < ended_at
        and (outcome is None or integer(outcome["at"]) > ended_at - DAY_MICROSECONDS)
        for purchase, outcome in orders
    )


def _in_pilot_mode(context: Context, *, before: int, ended_at: int) -> bool:
    """Whether pilot mode was surely on at an instant of the day that ended then, engaged before this journal number: what was
    flipped afterwards says nothing, whatever a calendar that was turned makes of it.
    """
    return any(
        span.number < before
        and span.begun < ended_at
        and (span.ended is None or span.ended - _SURE_MICROSECONDS > ended_at - DAY_MICROSECONDS)
        for span in context.times_on(Switch.PILOT_MODE)
    )
