"""A full pass: every sealed row against its seal, every row against the journal, every account from its first entry.

It streams: slices of leaves and of keys, a snapshot each, in bounded memory, and hands over what it finds as it goes, so
that what has to stop is stopped long before the pass is through.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from watchkeeper.base import canonical
from watchkeeper.base.clock import Clock
from watchkeeper.boundary.views import EFFECTS, JOURNAL, SIDE, VIEWS, View
from watchkeeper.operation import journal as acts
from watchkeeper.operation.catalogue import blame
from watchkeeper.operation.catalogue.context import Context, Found
from watchkeeper.operation.catalogue.invariants import (
    i1_1_balance,
    i1_2_entries,
    i2_3_way_round,
    i6_1_exposure,
    i7_1_pilot_mode,
)
from watchkeeper.operation.catalogue.model import Draft
from watchkeeper.operation.seals import leaf as leaves
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.seals import tree
from watchkeeper.operation.verifier import tail as tails
from watchkeeper.operation.verifier.tail import OPERATOR_ACTIONS

SLICE = 1000
_KEYS_SLICE = 4000


@dataclass(slots=True)
class Slice:
    """What one slice found: drafts, rows that want sealing because nobody owns them, and how far the pass is."""

    drafts: list[Draft] = field(default_factory=list)
    strangers: list[Found] = field(default_factory=list)
    #: The control room's own store does not hold what it sealed.
    broken_seals: list[str] = field(default_factory=list)
    done: int = 0
    upto: int = 0


def slices(context: Context, *, clock: Clock) -> Iterator[Slice]:
    """The whole pass, slice by slice. `context` is this pass's own, with connections of its own."""
    main, side = logs.size(context.database, logs.MAIN), logs.size(context.database, logs.SIDE)
    upto = 2 * (main + side) + 3
    done = 0
    broken_accounts: set[str] = set()
    for log, size in ((logs.MAIN, main), (logs.SIDE, side)):
        for begin in range(0, size, SLICE):
            end = min(size, begin + SLICE)
            found = _sealed(context, log, begin, end)
            broken_accounts |= {draft.account for draft in found.drafts if draft.account is not None}
            done += end - begin
            found.done, found.upto = done, upto
            yield found
    for view in (JOURNAL, *EFFECTS, *SIDE):
        yield from _unsealed(context, view, done=done, upto=upto)
    done = 2 * (main + side)
    defences = i1_2_entries.defences(context.views.schema_as_made(clock=clock), context.views.schema())
    yield Slice(defences, done=done, upto=upto)
    for drafts in i1_1_balance.full(context, without=broken_accounts):
        yield Slice(drafts, done=done + 1, upto=upto)
    for drafts in i6_1_exposure.full(context):
        yield Slice(drafts, done=done + 2, upto=upto)
    for drafts in i7_1_pilot_mode.full(context):
        yield Slice(drafts, done=done + 2, upto=upto)
    yield Slice(done=upto, upto=upto)


def _sealed(context: Context, log: str, begin: int, end: int) -> Slice:
    """Compare the rows of leaves `begin` to `end` with what stands in the books."""
    found = Slice()
    expected: dict[str, dict[int, tuple[int, dict[str, object]]]] = {}
    digests: dict[int, tuple[bytes, str]] = {}
    entries = logs.leaves(context.database, log, begin=begin, end=end)
    hashes = logs.hashes(context.database, log, level=0, begin=begin, end=end)
    if len(entries) != end - begin or len(hashes) != end - begin:
        found.broken_seals.append(f"leaves {begin} to {end} of {log} are not all there")
    for offset, (data, digest) in enumerate(zip(entries, hashes, strict=False)):
        if tree.leaf_hash(data) != digest:
            found.broken_seals.append(f"leaf {begin + offset} of {log} has other bytes than its hash")
            continue
        leaf = leaves.read(data)
        rows = list(leaf.effects)
        if leaf.kind == "journal":
            rows.append(("journal", leaf.journal))
            digests[leaf.n] = (
                canonical.encode(leaf.journal),
                canonical.ordered_effects_digest(leaf.effects),
            )
        for table, row in rows:
            key = row["n" if table == "journal" else "id"]
            if isinstance(key, int):
                expected.setdefault(table, {})[key] = (begin + offset, dict(row))
    with context.views.snapshot():
        for table, rows_by_key in sorted(expected.items()):
            found.drafts.extend(_compare(context, table, rows_by_key, log))
        # A command whose rows were wrong when they were sealed is wrong for as long as nobody has acknowledged it.
        for n, row in context.views.by_keys(JOURNAL, list(digests)).items():
            as_sealed, effects = digests[n]
            # What a changed row says of its rows is no second finding: it has nothing to say until it is repaired.
            if canonical.encode(canonical.row_document(row)) == as_sealed:
                found.drafts.extend(i2_3_way_round.effects(context, Found("journal", n, row), effects))
    return found


def _compare(
    context: Context, table: str, expected: dict[int, tuple[int, dict[str, object]]], log: str
) -> Iterator[Draft]:
    if table == OPERATOR_ACTIONS:
        yield from ()
        return
    standing = context.views.by_keys(VIEWS[table], list(expected))
    for key, (index, sealed) in expected.items():
        row = standing.get(key)
        sealed_bytes = canonical.encode(sealed)
        if row is not None and canonical.encode(canonical.row_document(row)) == sealed_bytes:
            continue
        found = None if row is None else Found(table, key, row)
        if found is not None and context.acknowledged(found) is not None:
            continue
        plain = {name: value for name, value in sealed.items() if isinstance(value, int | str)}
        yield blame.sealed_row(
            context,
            table=table,
            key=key,
            sealed=plain,
            expected=sealed_bytes.decode("utf-8"),
            found="" if found is None else found.document,
            found_digest="" if found is None else found.digest,
            log=log,
            index=index,
        )


def _unsealed(context: Context, view: View, *, done: int, upto: int) -> Iterator[Slice]:
    """Find rows that the tail has passed by and nobody sealed: put in under an old key, or between two."""
    last = -(2**62)
    while True:
        with context.views.snapshot():
            passed = tails.watermarks(context.database).get(view.table, 0)
            rows = context.views.database.query(
                f"SELECT {view.key} FROM {view.name} WHERE {view.key} > ? AND {view.key} <= ? ORDER BY {view.key} LIMIT ?",
                (last, passed, _KEYS_SLICE),
            )
            keys = [key for (key,) in rows if isinstance(key, int)]
            if not keys:
                return
            last = keys[-1]
            sealed = context.sealed(view.table, keys)
            strange = [key for key in keys if key not in sealed]
            found = Slice(done=done, upto=upto)
            for key, row in context.views.by_keys(view, strange[:_KEYS_SLICE]).items():
                stranger = Found(view.table, key, row)
                found.strangers.append(stranger)
                if context.acknowledged(stranger) is None:
                    found.drafts.append(i2_3_way_round.added(context, stranger))
        yield found


def own_acts_differ(context: Context, *, begin: int, end: int) -> list[str]:
    """What of the operator's sealed acts is not as it was sealed; the control room checks itself too."""
    problems: list[str] = []
    for data in logs.leaves(context.database, logs.SIDE, begin=begin, end=end):
        leaf = leaves.read(data)
        for table, row in leaf.effects:
            key = row.get("id")
            if table != OPERATOR_ACTIONS or not isinstance(key, int):
                continue
            standing = acts.actions(context.database, after=key - 1, limit=1)
            if not standing or standing[0].id != key or standing[0].detail != row.get("detail"):
                problems.append(f"operator action {key} is not as it was sealed")
    return problems
