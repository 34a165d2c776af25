"""A full pass: every sealed row against its seal, every row against the journal, every account from its first entry.

It streams: slices of leaves and of keys, a snapshot each, in bounded memory, and hands over what it finds as it goes, so
that what has to stop is stopped long before the pass is through.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field

import structlog

from watchkeeper.base import canonical
from watchkeeper.base.canonical import Value
from watchkeeper.base.database import DatabaseError
from watchkeeper.boundary.views import EFFECTS, JOURNAL, SIDE, VIEWS, Row, View
from watchkeeper.operation import journal as acts
from watchkeeper.operation.catalogue import INVARIANTS, blame, books
from watchkeeper.operation.catalogue.context import Context, Found, News, Unsound
from watchkeeper.operation.catalogue.invariants import i2_3_way_round
from watchkeeper.operation.catalogue.model import Draft, Full, Invariant
from watchkeeper.operation.seals import leaf as leaves
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.seals import tree
from watchkeeper.operation.verifier import findings
from watchkeeper.operation.verifier import tail as tails
from watchkeeper.operation.verifier.tail import OPERATOR_ACTIONS

SLICE = 1000
_KEYS_SLICE = 4000
_REMEMBERED_MAX = 100_000

_log = structlog.get_logger()


@dataclass(slots=True)
class Slice:
    """What one slice found: drafts, rows that want sealing because nobody owns them, and how far the pass is."""

    drafts: list[Draft] = field(default_factory=list)
    strangers: list[Found] = field(default_factory=list)
    #: Checks that came to no end in this slice, with the reason.
    errors: dict[str, str] = field(default_factory=dict)
    #: The control room's own store does not hold what it sealed.
    broken_seals: list[str] = field(default_factory=list)
    done: int = 0
    upto: int = 0


def slices(context: Context) -> Iterator[Slice]:
    """The whole pass, slice by slice. `context` is this pass's own, with connections of its own."""
    with contextlib.suppress(DatabaseError):
        # As of now, like the switches and restrictions that the context holds: at the end of a long pass they are others.
        context.tested()
    main, side = logs.size(context.database, logs.MAIN), logs.size(context.database, logs.SIDE)
    upto = 2 * (main + side) + 3
    done = 0
    context.unsound.tables |= findings.tables_in_doubt(context.database)
    # Rows that nobody sealed come first: what they say is then laid to no other row.
    for view in (JOURNAL, *EFFECTS, *SIDE):
        for piece in _unsealed(context, view, upto=upto):
            context.unsound.tables.update(draft.table_name for draft in piece.drafts)
            yield piece
    for log, size in ((logs.MAIN, main), (logs.SIDE, side)):
        for begin in range(0, size, SLICE):
            end = min(size, begin + SLICE)
            found = sealed(context, log, begin, end)
            done += end - begin
            found.done, found.upto = done, upto
            yield found
    done = 2 * (main + side)
    for invariant in INVARIANTS.values():
        yield from pages(invariant, invariant.full, context, done=done, upto=upto)
    yield Slice(errors=_unsaid(context), done=upto, upto=upto)


def _unsaid(context: Context) -> dict[str, str]:
    return dict.fromkeys(context.unsound.unsaid, "rows that it reads are not as they were sealed")


def pages(
    invariant: Invariant, look: Full | None, context: Context, *, done: int = 0, upto: int = 0
) -> Iterator[Slice]:
    """What a check looks at beyond single rows, page by page; one that raises says nothing and stops no other."""
    if look is None:
        return
    try:
        for drafts in look(context):
            yield Slice(drafts, done=done, upto=upto)
    except DatabaseError:
        raise
    except Exception as error:
        _log.exception("check.failed", invariant=invariant.id)
        yield Slice(errors={invariant.id: f"the check raised {type(error).__name__}"}, done=done, upto=upto)


def sealed(context: Context, log: str, begin: int, end: int) -> Slice:
    """Compare the rows of leaves `begin` to `end` with what stands in the books, and judge them by every check once more."""
    found = Slice()
    expected: dict[str, dict[int, tuple[int, dict[str, Value]]]] = {}
    sealed_leaves: list[leaves.Leaf] = []
    entries = logs.leaves(context.database, log, begin=begin, end=end)
    hashes = logs.hashes(context.database, log, level=0, begin=begin, end=end)
    if len(entries) != end - begin or len(hashes) != end - begin:
        found.broken_seals.append(f"leaves {begin} to {end} of {log} are not all there")
    if log == logs.SIDE:
        found.broken_seals.extend(own_acts_differ(context, entries))
    for offset, (data, digest) in enumerate(zip(entries, hashes, strict=False)):
        if tree.leaf_hash(data) != digest:
            found.broken_seals.append(f"leaf {begin + offset} of {log} has other bytes than its hash")
            continue
        leaf = leaves.read(data)
        sealed_leaves.append(leaf)
        rows = list(leaf.effects)
        if leaf.kind == "journal":
            rows.append(("journal", leaf.journal))
        for table, row in rows:
            key = row["n" if table == "journal" else "id"]
            if isinstance(key, int) and table != OPERATOR_ACTIONS:
                expected.setdefault(table, {})[key] = (begin + offset, dict(row))
    with context.views.snapshot():
        standing = {
            table: context.views.by_keys(VIEWS[table], list(by_key))
            for table, by_key in sorted(expected.items())
        }
        for table, by_key in sorted(expected.items()):
            found.drafts.extend(_compare(context, table, by_key, standing[table], log))
        _remember(context.unsound, found.drafts, expected)
        _judge(context, _news(sealed_leaves, standing), found)
    return found


def _remember(
    unsound: Unsound,
    drafts: Iterable[Draft],
    expected: Mapping[str, Mapping[int, tuple[int, dict[str, Value]]]],
) -> None:
    for draft in drafts:
        unsound.tables.add(draft.table_name)
        # More than this, and whoever is left can be told from the rest no more than they.
        if draft.account is not None and len(unsound.accounts) < _REMEMBERED_MAX:
            unsound.accounts.add(draft.account)
        sealed_row = expected[draft.table_name][int(draft.row_key)][1]
        owner = sealed_row.get(books.ACCOUNT_COLUMN.get(draft.table_name, ""))
        if isinstance(owner, int) and len(unsound.account_ids) < _REMEMBERED_MAX:
            unsound.account_ids.add(owner)
        if draft.table_name == "journal" and len(unsound.utids) < _REMEMBERED_MAX:
            unsound.utids.add(str(sealed_row.get("utid")))


def _news(sealed_leaves: Iterable[leaves.Leaf], standing: Mapping[str, Mapping[int, Row]]) -> News:
    """The slice as the checks are given it. A journal row that is not as it was sealed has nothing to say until it is
    repaired; of its rows, those that are gone or changed are judged as they were sealed, for their seals speak of the rest.
    """
    news = News()
    for leaf in sealed_leaves:
        rows = [_as_sealed(table, row, standing) for table, row in leaf.effects if table != OPERATOR_ACTIONS]
        if leaf.kind == "row":
            news.side.extend(found for found in rows if not VIEWS[found.table].journalled)
            continue
        row = standing.get("journal", {}).get(leaf.n)
        if row is None or canonical.row_document(row) != leaf.journal:
            continue
        news.journal.append(Found("journal", leaf.n, row))
        news.effects[leaf.n] = rows
    return news


def _as_sealed(
    table: str, sealed_row: Mapping[str, Value], standing: Mapping[str, Mapping[int, Row]]
) -> Found:
    key = sealed_row["id"]
    row = standing.get(table, {}).get(key) if isinstance(key, int) else None
    if row is None or canonical.row_document(row) != sealed_row:
        row = dict.fromkeys(VIEWS[table].columns) | dict(sealed_row)
    return Found(table, key if isinstance(key, int) else -1, row)


def _judge(context: Context, news: News, found: Slice) -> None:
    for invariant in INVARIANTS.values():
        if invariant.rows is None:
            continue
        try:
            found.drafts.extend(invariant.rows(context, news))
        except DatabaseError:
            raise
        except Exception as error:
            _log.exception("check.failed", invariant=invariant.id)
            found.errors[invariant.id] = f"the check raised {type(error).__name__}"


def _compare(
    context: Context,
    table: str,
    expected: Mapping[int, tuple[int, dict[str, Value]]],
    standing: Mapping[int, Row],
    log: str,
) -> Iterator[Draft]:
    for key, (index, as_sealed) in expected.items():
        row = standing.get(key)
        if row is not None and canonical.row_document(row) == as_sealed:
            continue
        found = None if row is None else Found(table, key, row)
        if found is not None and context.acknowledged(found) is not None:
            continue
        yield from blame.sealed_row(
            context, table=table, key=key, sealed=as_sealed, found=found, log=log, index=index
        )


def _unsealed(context: Context, view: View, *, upto: int) -> Iterator[Slice]:
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
            found = Slice(upto=upto)
            for key, row in context.views.by_keys(view, strange[:_KEYS_SLICE]).items():
                stranger = Found(view.table, key, row)
                found.strangers.append(stranger)
                if context.acknowledged(stranger) is None:
                    found.drafts.append(i2_3_way_round.added(context, stranger))
        yield found


def own_acts_differ(context: Context, entries: Iterable[bytes]) -> list[str]:
    """What of the operator's sealed acts is not as it was sealed; the control room checks itself too."""
    sealed_acts = {
        key: row
        for data in entries
        for table, row in leaves.read(data).effects
        if table == OPERATOR_ACTIONS and isinstance(key := row.get("id"), int)
    }
    if not sealed_acts:
        return []
    first, last = min(sealed_acts), max(sealed_acts)
    standing = {
        act.id: canonical.row_document(asdict(act))
        for act in acts.actions(context.database, after=first - 1, limit=last - first + 1)
    }
    return [
        f"operator action {key} is not as it was sealed"
        for key, row in sorted(sealed_acts.items())
        if standing.get(key) != row
    ]
