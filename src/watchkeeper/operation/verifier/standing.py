"""Does a finding still stand? Asked by playbooks: the same question as the check's, on the same place, from the rows as
they are now.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base import canonical
from watchkeeper.base.clock import Clock
from watchkeeper.boundary.views import JOURNAL, VIEWS
from watchkeeper.operation.catalogue.accounts import Accounts, replayed
from watchkeeper.operation.catalogue.context import Context, Found
from watchkeeper.operation.catalogue.invariants import i1_1_balance, i1_2_entries, i6_1_exposure
from watchkeeper.operation.seals import leaf as leaves
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.verifier import passes
from watchkeeper.operation.verifier.findings import Finding


@dataclass(frozen=True, slots=True)
class Standing:
    """`how` is `stands`, or the way in which the finding may close: repaired, acknowledged, cured."""

    how: str
    detail: str

    @property
    def stands(self) -> bool:
        """Whether the rule is still broken here."""
        return self.how == "stands"


def of(context: Context, finding: Finding, *, clock: Clock) -> Standing:
    """How this finding stands in the rows as they are now."""
    with context.views.snapshot():
        if finding.kind in ("changed", "deleted"):
            return _sealed_row(context, finding)
        if finding.kind in ("added", "effects", "stopped command", "entry without a command", "pickup"):
            return _acknowledged(context, finding)
        if finding.kind in ("balance", "state", "locked"):
            return _account(context, finding)
        if finding.kind == "goods":
            account_id = _account_id(context, finding)
            met = account_id is not None and not i1_1_balance.goods(context, account_id)
            return _state(met, "the goods add up again", "the goods still do not add up")
        if finding.kind == "conservation":
            drafts = i1_1_balance.conservation(Accounts(context.database).totals)
            unmet = any(draft.row_key == finding.row_key for draft in drafts)
            return _state(not unmet, "the totals meet again", "the totals still do not meet")
        if finding.kind == "over the limit":
            return _over_the_limit(context, finding)
        if finding.kind == "counted change":
            # The count says that something was changed, a full pass says what.
            return _state(
                passes.came_to_an_end_since(context.database, finding.seen_at),
                "every row was compared with its seal since",
                "no full pass has come to its end since",
            )
        if finding.kind in ("defences", "schema version"):
            return _defences(context, finding, clock=clock)
        # A journal number that was never there cannot come back; that it is missing is sealed.
        return Standing("cured", "that it is missing stands in the log")


def _state(good: bool, yes: str, no: str) -> Standing:
    return Standing("cured", yes) if good else Standing("stands", no)


def _row(context: Context, finding: Finding) -> Found | None:
    if finding.table_name not in VIEWS or not finding.row_key.lstrip("-").isdecimal():
        return None
    return context.one(finding.table_name, int(finding.row_key))


def _sealed_row(context: Context, finding: Finding) -> Standing:
    found = _row(context, finding)
    sealed = _sealed_document(context, finding)
    if found is not None and sealed is not None:
        if canonical.encode(canonical.row_document(found.row)) == sealed:
            return Standing("repaired", "the row has its sealed bytes again")
        if context.acknowledged(found) is not None:
            return Standing("acknowledged", "the row is acknowledged as it stands")
    return Standing("stands", "the row is gone" if found is None else "the row is not as it was sealed")


def _sealed_document(context: Context, finding: Finding) -> bytes | None:
    if finding.sealed_log is None or finding.sealed_index is None:
        return None
    data = logs.leaf(context.database, finding.sealed_log, finding.sealed_index)
    if data is None:
        return None
    leaf = leaves.read(data)
    if finding.table_name == "journal":
        return canonical.encode(dict(leaf.journal))
    for table, row in leaf.effects:
        if table == finding.table_name and str(row.get("id")) == finding.row_key:
            return canonical.encode(dict(row))
    return None


def _acknowledged(context: Context, finding: Finding) -> Standing:
    found = _row(context, finding)
    if found is None:
        return Standing("stands", "the row is gone; what stood there is in the finding")
    if context.acknowledged(found) is not None:
        return Standing("acknowledged", "the row is acknowledged as it stands")
    return Standing("stands", "the row is not acknowledged")


def _account_id(context: Context, finding: Finding) -> int | None:
    if finding.account is None:
        return None
    row = context.views.database.one("SELECT id FROM watch_users WHERE alias = ?", (finding.account,))
    return None if row is None or not isinstance(row[0], int) else row[0]


def _account(context: Context, finding: Finding) -> Standing:
    account_id = _account_id(context, finding)
    if account_id is None:
        return Standing("stands", "the account cannot be found")
    ledger = finding.table_name
    running = Accounts(context.database).get(account_id, ledger)
    drafts = i1_1_balance.judged(context, running)
    if (
        not drafts
        and running.balances.locked != running.open_ugx + running.adjusted_ugx
        and ledger == "wallet_ledger"
    ):
        return Standing("stands", "what is locked is not what the open locks add up to")
    if drafts:
        # A jump that a correction has since balanced is still a jump; it is the operator who says that it is made good.
        again, _ = replayed(context, account_id, ledger)
        return Standing("stands", f"{drafts[0].detail}; disputed: {again.disputed.total:,} shillings")
    return Standing("cured", "every entry follows from the one before it")


def _over_the_limit(context: Context, finding: Finding) -> Standing:
    account_id = _account_id(context, finding)
    if account_id is None:
        return Standing("stands", "the account cannot be found")
    drafts, exposed = i6_1_exposure.counted(context, account_id)
    return _state(not drafts, f"{exposed}, within the limit", f"still {exposed}")


def _defences(context: Context, finding: Finding, *, clock: Clock) -> Standing:
    drafts = i1_2_entries.defences(context.views.schema_as_made(clock=clock), context.views.schema())
    if drafts:
        return Standing("stands", drafts[0].detail)
    restored = context.views.number(
        f"SELECT count(*) FROM {JOURNAL.name} WHERE n > ? AND command = 'restore_defences'",
        (finding.watermark,),
    )
    return _state(
        restored > 0, "the defences are as the migrations made them", "nobody has confirmed the defences"
    )
