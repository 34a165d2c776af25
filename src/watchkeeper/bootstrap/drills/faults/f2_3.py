"""2.3 no way round the server: rows that no journal row owns, and a row of a command that was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, EVERYTHING, Fault, Stopped, without
from watchkeeper.bootstrap.drills.faults.parts import (
    MONEY,
    NEW_UTID,
    OF_AN_ACCOUNT,
    OLD_UTID,
    PATCH,
    UNSAID,
    WALLETS_STOP,
    deposit,
    journal_row,
)
from watchkeeper.boundary.gate import OperationClass, Scope
from watchkeeper.operation import journal
from watchkeeper.operation.containment import imposing, lifting

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World
    from watchkeeper.operation.playbooks.runs import Run


def _lifted_by_hand(world: World) -> None:
    """The operator restricts a unit that there is not, and lifts it again, as the page does."""
    by, reason = world.operator.alias, "a drill: restricted and lifted before the fault"
    imposing.impose_by_hand(
        world.gatefile,
        scope=Scope("unit", "999999"),
        classes=frozenset({OperationClass.NOTICE}),
        by=by,
        reason=reason,
        clock=world.clock,
    )
    (restriction,) = imposing.active(world.gatefile)
    at = world.clock.now()
    with world.database.transaction("write"):
        lifting.decide(world.database, restriction, by=by, reason=reason, override=False, at=at)
        journal.record(
            world.database,
            actor=by,
            action="lift",
            subject=str(restriction.scope),
            reason=reason,
            detail={"restriction": restriction.id},
            at=at,
        )
    lifting.drive(world.database, world.gatefile, clock=world.clock)


def _names_read_by_no_admin(world: World) -> None:
    """Somebody who is none was given names, as everybody is given their own."""
    alias = str(world.names["changed_alias"])
    world.bench.executor.notes.query(actor=alias, query="accounts", fields="name phone", subjects=alias)
    world.bench.executor.flush_notes()


def _nothing_to_cure(world: World, _: Run) -> None:
    """That a number is missing is sealed as it is; no row can be put back or acknowledged."""
    world.turn()


FAULTS = (
    Fault(
        "row past the journal",
        "2.3",
        (deposit(),),
        (Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, seen="new"),),
    ),
    Fault(
        "farmer's entry past the journal",
        "2.3",
        (
            "INSERT INTO farmer_ledger (id, utid, farmer_id, number, type, amount_ugx, balance_after, at) SELECT "
            f"(SELECT max(id) + 1 FROM farmer_ledger), {NEW_UTID}, farmer_id, number + 1, 'settlement', 700, "
            "balance_after + 700, at FROM farmer_ledger WHERE farmer_id = {farmer} ORDER BY number DESC LIMIT 1",
        ),
        (Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, key="{farmer_alias}", seen="new"),),
    ),
    Fault(
        "row under an old UTID, state patched",
        "2.3",
        (deposit(utid=OLD_UTID), PATCH),
        (Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, seen="new"),),
    ),
    Fault(
        "lock's instant edited",
        "2.3",
        without(
            "locks_refuses_update",
            "UPDATE locks SET locked_at = locked_at - 60000000, deadline_at = deadline_at - 60000000 "
            "WHERE id = (SELECT max(id) FROM locks WHERE trader_id = {trader})",
        ),
        (Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, seen="whole"), WALLETS_STOP),
        unsaid=UNSAID,
    ),
    Fault(
        "lots' weight and cost edited",
        "2.3",
        # Of one that was deducted from and is picked up, so that neither what is left of it nor what it brought would add up;
        # and of one in store, so that its trader would not seem exposed by what the state says.
        without(
            "lots_refuses_update",
            "UPDATE lots SET grams = grams * 2, cost_ugx = cost_ugx * 2 WHERE id = {stored_lot} OR id = (SELECT min(b.lot_id) "
            "FROM block_lots b JOIN purchases p ON p.block_id = b.block_id WHERE p.utid = '{picked_up}')",
        ),
        (Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, seen="whole"), WALLETS_STOP),
        unsaid=UNSAID | {"5.2"},
    ),
    Fault(
        "journal row with another's digest",
        "2.3",
        # The digest is that of no rows at all.
        (*journal_row(amount="500000"), deposit(), PATCH),
        (Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT),),
    ),
    Fault(
        "journal number that was jumped over",
        "2.3",
        (
            deposit(),
            *(statement.replace("max(n) + 1", "max(n) + 2") for statement in journal_row(amount="500000")),
            PATCH,
        ),
        (Stopped("2.3", EVERYTHING, MONEY, seen="new"),),
        cure=_nothing_to_cure,
        settled=frozenset(["missing"]),
    ),
    Fault(
        "operator's account rewritten, after a lift",
        "2.3",
        without("users_refuses_update", "UPDATE users SET role_at_creation = 'farmer' WHERE id = {operator}"),
        (Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, key="{operator_alias}", seen="whole"), WALLETS_STOP),
        # By what was sealed it was the operator who lifted it.
        before=_lifted_by_hand,
        unsaid=frozenset(["3.3"]),
    ),
    Fault(
        "role rewritten to an admin's, of one who read names",
        "2.3",
        without(
            "role_history_refuses_update",
            "UPDATE role_history SET role_after = 'admin' WHERE id = (SELECT max(id) FROM role_history WHERE user_id = {changed})",
        ),
        (Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, key="{changed_alias}", seen="whole"), WALLETS_STOP),
        # By what was sealed it was no admin who read them.
        before=_names_read_by_no_admin,
        unsaid=frozenset(["3.3"]),
    ),
)
