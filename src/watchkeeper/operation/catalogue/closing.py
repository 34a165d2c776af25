"""How a finding may close: its row has its sealed bytes again, is acknowledged as it stands, or its state is cured."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from watchkeeper.base import canonical
from watchkeeper.boundary.views import VIEWS
from watchkeeper.operation.catalogue.context import Context, Found
from watchkeeper.operation.catalogue.model import Closing, Draft, Seen, Standing
from watchkeeper.operation.seals import leaf as leaves
from watchkeeper.operation.seals import log as logs


def state(good: bool, yes: str, no: str) -> Standing:
    """Cured when `good`, with the words for either."""
    return Standing("cured", yes) if good else Standing("stands", no)


def sealed(context: Context, seen: Seen) -> Standing:
    """For a row that was changed or is gone: repaired, or acknowledged as it stands."""
    found = _row(context, seen)
    document = _sealed_document(context, seen)
    if found is not None and document is not None:
        if canonical.encode(canonical.row_document(found.row)) == document:
            return Standing("repaired", "the row has its sealed bytes again")
        if context.acknowledged(found) is not None:
            return Standing("acknowledged", "the row is acknowledged as it stands")
    return Standing("stands", "the row is gone" if found is None else "the row is not as it was sealed")


#: The closings of an invariant that seals speak for.
SEALED: dict[str, Closing] = {"changed": sealed, "deleted": sealed}


def acknowledged(context: Context, seen: Seen) -> Standing:
    """For a row that truly happened and ought not to have: nothing but an acknowledgement closes it."""
    found = _row(context, seen)
    if found is None:
        return Standing("stands", "the row is gone; what stood there is in the finding")
    if context.acknowledged(found) is not None:
        return Standing("acknowledged", "the row is acknowledged as it stands")
    return Standing("stands", "the row is not acknowledged")


def again(judge: Callable[[Context, Seen], Iterable[Draft]], good: str) -> Closing:
    """For a state: the same check on the same scope finds nothing any more. `good` says so in words."""

    def asked(context: Context, seen: Seen) -> Standing:
        draft = next(iter(judge(context, seen)), None)
        return Standing("cured", good) if draft is None else Standing("stands", draft.detail)

    return asked


def compared_since(context: Context, seen: Seen) -> Standing:
    """For a count of changes that the server keeps: the count says that something changed, a full pass says what."""
    return state(
        context.full_pass_since(seen.full_pass),
        "every row was compared with its seal since",
        "no full pass has come to its end since",
    )


#: The closings of an invariant whose tables a server counts the changes of.
COUNTED: dict[str, Closing] = SEALED | {"counted change": compared_since}


def account_id(context: Context, seen: Seen) -> int | None:
    """The account that a finding names, by its alias."""
    if seen.account is None:
        return None
    row = context.views.database.one("SELECT id FROM watch_users WHERE alias = ?", (seen.account,))
    return None if row is None or not isinstance(row[0], int) else row[0]


def _row(context: Context, seen: Seen) -> Found | None:
    if seen.table_name not in VIEWS or not seen.row_key.lstrip("-").isdecimal():
        return None
    return context.one(seen.table_name, int(seen.row_key))


def _sealed_document(context: Context, seen: Seen) -> bytes | None:
    if seen.sealed_log is None or seen.sealed_index is None:
        return None
    data = logs.leaf(context.database, seen.sealed_log, seen.sealed_index)
    if data is None:
        return None
    leaf = leaves.read(data)
    if seen.table_name == "journal":
        return canonical.encode(dict(leaf.journal))
    for table, row in leaf.effects:
        if table == seen.table_name and str(row.get("id")) == seen.row_key:
            return canonical.encode(dict(row))
    return None
