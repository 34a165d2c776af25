"""What only whoever appends next may ask: nothing can come in between any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from watchkeeper.base.database import Database
from watchkeeper.market.commands import (
    AccountAct,
    Act,
    ActivateUser,
    ConfirmPickup,
    Deposit,
    ExplainPayment,
    InviteUser,
    Payout,
    Reconcile,
    ReconcilePart,
    SetPhase,
    WaiveUnrecovered,
    Withdraw,
)
from watchkeeper.market.commands.reconciled import ITEMS_MAX
from watchkeeper.market.keys import Keys
from watchkeeper.market.reconciliation import reading
from watchkeeper.market.rows import marks, number
from watchkeeper.market.state import State


def numbers(database: Database, state: State, keys: Keys) -> None:
    """Load the next journal number, and say where the next keys are found; whoever asks appends next."""
    row = database.one("SELECT coalesce(max(n), 0) FROM journal")
    if row is None:
        raise TypeError("a query of totals gave no row")
    state.next_n = number(row[0]) + 1
    state.last_id = partial(keys.last, database)


def census(database: Database, state: State, acts: Sequence[Act]) -> None:
    """Load the phase and how many accounts are in which state, where a command may make somebody active.

    Whoever asks appends next, so two executors never pass a cap together.
    """
    if not any(isinstance(act.command, AccountAct | ActivateUser | InviteUser | SetPhase) for act in acts):
        return
    row = database.one("SELECT phase FROM phases ORDER BY id DESC LIMIT 1")
    state.phase = "pilot" if row is None else str(row[0])
    state.census = {
        (str(role), str(status)): number(count)
        for role, status, count in database.query(
            "SELECT role, status, count(*) FROM user_state GROUP BY role, status"
        )
    }


def references(database: Database, state: State, acts: Iterable[Act]) -> None:
    """Load which of these acts' references are in the books, wherever; asked by whoever appends next, because no key
    spans the tables.
    """
    wanted = {
        (act.command.provider, act.command.external_ref.strip()): None
        for act in acts
        if isinstance(act.command, Deposit | Withdraw | Payout | ConfirmPickup)
    }
    if not wanted:
        return
    providers, names = {provider for provider, _ in wanted}, {name for _, name in wanted}
    where = f"WHERE provider IN ({marks(providers)}) AND external_ref IN ({marks(names)})"
    rows = database.query(
        f"SELECT provider, external_ref FROM wallet_ledger {where} UNION ALL "
        f"SELECT provider, external_ref FROM payouts {where} UNION ALL "
        f"SELECT provider, external_ref FROM pickups {where}",
        (*providers, *names) * 3,
    )
    state.references = {(str(provider), str(reference)) for provider, reference in rows}


def reconciliations(database: Database, state: State, acts: Iterable[Act]) -> None:
    """Load the comparisons that these acts open or fill, and the payments that their items name."""
    wanted = dict[str, set[str]]()
    for act in acts:
        command = act.command
        if isinstance(command, Reconcile):
            state.statements |= reading.statements(database, command.file_digest)
        elif isinstance(command, ReconcilePart):
            wanted.setdefault(command.reconciliation, set()).update(
                line.reference for line in command.lines[:ITEMS_MAX]
            )
    if wanted:
        state.reconciliations = reading.opened(database, list(wanted))
    for utid, run in state.reconciliations.items():
        state.payments.update(reading.payments(database, run.provider, sorted(wanted[utid])))


def explanations(database: Database, state: State, acts: Iterable[Act]) -> None:
    """Load the payments that these acts explain, what statements say of them, and which were explained."""
    for act in acts:
        command = act.command
        if isinstance(command, ExplainPayment):
            place = (command.provider, command.external_ref)
            state.payments.update(reading.payments(database, command.provider, [command.external_ref]))
            state.said[place] = reading.said(database, *place)
            state.explained.update(reading.explained(database, *place))


def unrecovered(database: Database, state: State, acts: Iterable[Act]) -> None:
    """Load what the corrections that these acts name could not take, and whether it was waived."""
    wanted = {act.command.correction_utid for act in acts if isinstance(act.command, WaiveUnrecovered)}
    if not wanted:
        return
    rows = database.query(
        "SELECT u.utid, u.amount_ugx, EXISTS (SELECT 1 FROM journal j WHERE j.target_utid = u.utid AND j.command = ?) "
        f"FROM unrecovered u WHERE u.utid IN ({marks(wanted)})",
        (WaiveUnrecovered.name, *wanted),
    )
    state.unrecovered = {str(utid): (number(amount), bool(waived)) for utid, amount, waived in rows}
