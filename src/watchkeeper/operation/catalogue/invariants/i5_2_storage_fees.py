"""5.2 The storage-fee log is immutable, and its weights add up.

Holds when: every sealed deduction has its bytes and none is gone; and after a lot's n-th deduction what it has lost in
all is `floor(n * grams / 200)`, which the row's remaining weight says as well.

Why it matters: weight is money that nobody sees go.

Contained: the storage fee, for everyone: a rule that counts wrongly does so for all.

Blind to: a day on which a fee was due and none was taken (9.3); a day that ought not to have counted (10.1).

Proven by: grams lowered, a day moved, a deduction deleted, an instant moved; a deduction of the wrong weight with its
journal row.
"""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.base import canonical
from watchkeeper.boundary.gate import EVERYTHING, OperationClass
from watchkeeper.boundary.views import VIEWS
from watchkeeper.operation.catalogue import closing, paging
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.model import Draft, Invariant
from watchkeeper.operation.catalogue.states import rows_by, without_strangers

_TABLE = "storage_fee_deductions"
#: Half a kilogram a day for each hundred is one part in so many.
_PARTS = 200
#: A lot that nobody fetches has a deduction for each of its days.
_LOTS_AT_ONCE = 100


def rows(context: Context, news: News) -> list[Draft]:
    """Each new deduction against all of its lot so far."""
    fees = [
        (entry, found)
        for entry in news.journal
        for found in news.effects.get(entry.key, ())
        if found.table == _TABLE
    ]
    if fees and context.unsound.keeps("5.2", "lots", _TABLE):
        return []
    expected: dict[int, tuple[int, int, int]] = {}
    lot_ids = sorted({integer(found.row["lot_id"]) for _, found in fees})
    for piece in paging.pieces(lot_ids, _LOTS_AT_ONCE):
        expected |= _weights(context, piece)
    return [
        _draft(found, due=due, lost=lost, said=said)
        for _, found in fees
        if found.key in expected
        for due, lost, said in [expected[found.key]]
        if (due != lost or due != said) and context.acknowledged(found) is None
    ]


def _weights(context: Context, lot_ids: Sequence[int]) -> dict[int, tuple[int, int, int]]:
    """Deduction -> what its lot ought to have lost by then, what it has by the rows, and by what the row says is left."""
    lots = context.views.by_keys(VIEWS["lots"], lot_ids)
    nominal = {lot_id: integer(lot["grams"]) for lot_id, lot in lots.items()}
    lost: dict[int, int] = {}
    counts: dict[int, int] = {}
    found: dict[int, tuple[int, int, int]] = {}
    # What no command wrote counts from its acknowledgement on.
    for row in without_strangers(context)(_TABLE, rows_by(context, _TABLE, "lot_id", lot_ids)):
        lot_id = integer(row["lot_id"])
        grams = nominal.get(lot_id, 0)
        counts[lot_id] = counts.get(lot_id, 0) + 1
        lost[lot_id] = lost.get(lot_id, 0) + integer(row["grams"])
        due = counts[lot_id] * grams // _PARTS
        found[integer(row["id"])] = (due, lost[lot_id], grams - integer(row["grams_after"]))
    return found


def _draft(found: Found, *, due: int, lost: int, said: int) -> Draft:
    return Draft(
        invariant="5.2",
        kind="weight",
        scope=EVERYTHING,
        classes=frozenset({OperationClass.STORAGE_FEE}),
        table_name=_TABLE,
        row_key=str(found.key),
        expected=canonical.encode({"lost_grams": due}).decode("ascii"),
        found=canonical.encode({"lost_grams": lost, "lost_grams_said": said}).decode("ascii"),
        found_digest=found.digest,
        detail=f"after deduction {found.key} its lot has lost {lost:,} g and ought to have lost {due:,} g",
    )


INVARIANT = Invariant(
    "5.2",
    "storage-fee log immutable",
    "critical",
    "12",
    closes=closing.COUNTED
    | {
        "weight": closing.acknowledged,
    },
    rows=rows,
)
