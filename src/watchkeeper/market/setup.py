"""Making a market: its four files, its first three accounts, and the journal row that covers them.

Set-up happens once, on the host. The operator and the first admin are invited here and enrol by
links that are printed once (domain, Roles: the named exception to assigned roles).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from watchkeeper.base import utid as utids
from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Database, create_sqlite, engine_of, file_of, open_database
from watchkeeper.base.database.migrations import migrate
from watchkeeper.base.database.schema import keep_reference
from watchkeeper.base.database.server import upgrade_in
from watchkeeper.base.utid import ROLE_LETTERS, base36
from watchkeeper.boundary import lease as leases
from watchkeeper.boundary.gate import OperationClass
from watchkeeper.boundary.gatebarrier import cluster_of
from watchkeeper.boundary.gatefile import create_gate_file
from watchkeeper.boundary.gatestore import fill, first_flips
from watchkeeper.market.append import Accepted, append, count_commit, journal_row
from watchkeeper.market.commands import Act, Command
from watchkeeper.market.decision import Decision
from watchkeeper.market.probes import SYSTEM_USER_ID
from watchkeeper.market.state import State, User

_REASON = "set up on the host"
FIRST_PEOPLE = (2, 3)
"""The user ids of the first operator and the first admin; 1 is the system itself."""


class MarketExists(Exception):
    """There is a market in this folder already; nothing was touched."""


class SetUp(Command):
    """The first journal row of every market."""

    name = "set_up"
    roles = frozenset({"system"})

    @property
    def classes(self) -> frozenset[OperationClass]:
        return frozenset({OperationClass.NEVER_STOPPED})


@dataclass(frozen=True, slots=True)
class NewMarket:
    """What set-up made: the system's id and the two people who enrol first."""

    system_id: str
    operator: User
    admin: User


def create(data: Path, *, clock: Clock) -> NewMarket:
    """Make a market in `data`; `MarketExists` when there is one. The folder is for its owner alone.

    A folder that names a PostgreSQL database gets its market there, in one transaction under the owner's credential.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    system_id = f"f2m-{base36(12)}"
    if engine_of(data) == "postgresql":
        return _on_server(data, system_id=system_id, clock=clock)
    return _in_files(data, system_id=system_id, clock=clock)


def _in_files(data: Path, *, system_id: str, clock: Clock) -> NewMarket:
    if file_of(data, "market").exists():
        raise MarketExists(MarketExists.__doc__)
    create_gate_file(file_of(data, "gate"), system_id=system_id, clock=clock)
    leases.create_lease(file_of(data, "lease"), system_id=system_id, clock=clock)
    identities = create_sqlite(file_of(data, "identity"))
    try:
        migrate(identities, store="identity", clock=clock)
        with identities.transaction("write"):
            identities.execute("INSERT INTO system (id, system_id) VALUES (1, ?)", (system_id,))
    finally:
        identities.close()
    # The books come last: where they stand, everything else does.
    database = create_sqlite(file_of(data, "market"))
    try:
        migrate(database, store="market", clock=clock)
        with database.transaction("write"):
            return _first_row(database, system_id=system_id, clock=clock)
    finally:
        database.close()


def _on_server(data: Path, *, system_id: str, clock: Clock) -> NewMarket:
    database = open_database(data, "market", role="owner")
    try:
        with database.transaction("write"):
            upgrade_in(database, data, clock=clock)
            keep_reference(database, data)
            if database.one("SELECT 1 FROM system WHERE id = 1") is not None:
                raise MarketExists(MarketExists.__doc__)
            fill(
                database,
                system_id=system_id,
                generation=1,
                flips=first_flips(generation=1, clock=clock),
                cluster=cluster_of(database),
            )
            leases.first_row(database, system_id=system_id, clock=clock)
            return _first_row(database, system_id=system_id, clock=clock)
    finally:
        database.close()


def _first_row(database: Database, *, system_id: str, clock: Clock) -> NewMarket:
    at = clock.now()
    database.execute("INSERT INTO system (id, system_id, created_at) VALUES (1, ?, ?)", (system_id, at))
    state = State(last_id=lambda _: 0)
    decision = Decision(
        utid=utids.draw(role="system", at=at, taken=lambda _: False),
        reason=f"authority:enrol-at-set-up, {_REASON}",
    )
    made: dict[str, User] = {}
    for role in ("system", "operator", "admin"):
        alias = "system" if role == "system" else f"{ROLE_LETTERS[role]}_{base36(6)}"
        step = "activated" if role == "system" else "invited"
        user_id = decision.add(state, "users", alias=alias, role_at_creation=role, at=at)
        decision.add(state, "user_steps", user_id=user_id, step=step, reason=_REASON, at=at)
        decision.add(
            state,
            "role_history",
            user_id=user_id,
            role_before=None,
            role_after=role,
            assigned_by=SYSTEM_USER_ID,
            reason=_REASON,
            at=at,
        )
        made[role] = User(user_id, alias, role, "active" if role == "system" else "invited", 1)
        state.set_user(made[role])
    act = Act(command=SetUp(), actor_id=SYSTEM_USER_ID, command_id=f"set-up-{system_id}")
    journal = journal_row(act, decision, n=1, actor=made["system"], generation=1, at=at)
    append(database, [Accepted(act, decision, journal)], state)
    count_commit(database)
    return NewMarket(system_id, made["operator"], made["admin"])
