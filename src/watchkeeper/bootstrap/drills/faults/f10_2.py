"""10.2 no automatic reversal: a correction in the system's name, one for no reason, and a stop that ended by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.faults.model import COMMAND, EVERYTHING, Fault, Sql, Stopped
from watchkeeper.bootstrap.drills.faults.parts import OWN_LAST, PATCH, STOPPABLE, journal_row, logged
from watchkeeper.boundary.gate import OperationClass, Scope
from watchkeeper.operation.authority import RELEASE_UNKNOWN
from watchkeeper.operation.containment import imposing

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World
    from watchkeeper.operation.playbooks.runs import Run

_BY_THE_SYSTEM = "'20261124-120000-sys-zzzzzz'"
_BY_THE_OPERATOR = "'20261124-120000-opr-zzzzzz'"
_REVERSALS_STOP = Stopped("10.2", EVERYTHING, frozenset(["reversal"]))


def _correction(utid: str) -> tuple[str, ...]:
    return (
        "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, "
        f"profit_after, incident, at) SELECT (SELECT max(id) + 1 FROM wallet_ledger), {utid}, trader_id, number + 1, "
        "'capital_correction', 1000, capital_after + 1000, locked_after, profit_after, 'INC-20261124-000000', at "
        f"FROM wallet_ledger WHERE id = {OWN_LAST}",
        PATCH,
    )


def _restricted(world: World) -> None:
    # Of a unit that there is not, so that nobody misses it.
    _restrict(world, Scope("unit", "999999"))


def _set_back_as_a_deposit(number: int, entry: str) -> tuple[str, ...]:
    """An entry that sets something back, under a command that never does."""
    utid = f"'20261124-120000-tra-zzzzz{number}'"
    return (
        entry.format(utid=utid),
        *journal_row(utid=utid, command_id=f"forged {number}"),
    )


def _set_back(kind: str, capital: int = 0, locked: int = 0, profit: int = 0) -> str:
    return (
        "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, profit_after, "
        f"incident, at) SELECT (SELECT max(id) + 1 FROM wallet_ledger), {{utid}}, trader_id, number + 1, '{kind}', 1000, "
        f"capital_after + {capital}, locked_after + {locked}, profit_after + {profit}, 'INC-20261124-000000', at "
        f"FROM wallet_ledger WHERE id = {OWN_LAST.replace('{trader}', '{{trader}}')}"
    )


_FARMERS_SET_BACK = (
    "INSERT INTO farmer_ledger (id, utid, farmer_id, number, type, amount_ugx, balance_after, incident, at) SELECT "
    "(SELECT max(id) + 1 FROM farmer_ledger), {utid}, farmer_id, number + 1, 'correction', 1000, balance_after + 1000, "
    "'INC-20261124-000000', at FROM farmer_ledger WHERE id = (SELECT max(id) FROM farmer_ledger WHERE farmer_id = {{farmer}})"
)


def _restrict(world: World, scope: Scope) -> None:
    imposing.impose_by_hand(
        world.gatefile,
        scope=scope,
        classes=frozenset({OperationClass.NOTICE}),
        by=world.operator.alias,
        reason="a drill: restricted before the fault",
        clock=world.clock,
    )


def _lifted_anyhow() -> tuple[Sql, ...]:
    """Four restrictions lifted by decisions that the control room knows: nobody's record, no reason, a farmer, a pause's end."""
    ways = (
        ("{operator_alias}", "as the forger would have it"),
        ("{operator_alias}", " "),
        ("{farmer_alias}", "as the forger would have it"),
        (RELEASE_UNKNOWN.cited, "the same check holds again in a fresh pass"),
    )
    keys = [999_999 - number for number in range(len(ways))]
    return (
        Sql(
            tuple(
                "INSERT INTO lifts (restriction_id, rule, scope, evidence_seq, decided_by, reason, override, decided_at, "
                f"outcome, done_at) VALUES ({{restriction_{key}}}, 'operator', 'unit:{key}', 1, '{by}', '{why}', 0, 1, "
                "'lifted', 1)"
                for key, (by, why) in zip(keys, ways, strict=True)
            ),
            store="operation",
        ),
        Sql(
            tuple(
                f"UPDATE restrictions SET lifted_by = '{by}', lift_reason = '{why}', lifted_at = imposed_at + 1 "
                f"WHERE scope_key = '{key}'"
                for key, (by, why) in zip(keys, ways, strict=True)
            ),
            store="gate",
        ),
    )


def _restricted_four_times(world: World) -> None:
    for key in range(999_996, 1_000_000):
        scope = Scope("unit", str(key))
        _restrict(world, scope)
    for restriction in imposing.active(world.gatefile):
        world.names[f"restriction_{restriction.scope.key}"] = restriction.id


def _looked_at(world: World, _: Run) -> None:
    """What was lifted was lifted: the operator has said what came of it, and that settles it."""
    world.turn()


def _lifted(by: str, reason: str) -> Sql:
    return Sql(
        (
            f"UPDATE restrictions SET lifted_by = '{by}', lift_reason = '{reason}', lifted_at = imposed_at + 1 "
            "WHERE scope_key = '999999'",
        ),
        store="gate",
    )


FAULTS = (
    Fault(
        "correction by the system",
        "10.2",
        (
            *_correction(_BY_THE_SYSTEM),
            *journal_row(
                utid=_BY_THE_SYSTEM,
                command="correct",
                actor_id="1",
                actor="system",
                role="system",
                reason="'as the forger would have it'",
                amount="1000",
            ),
        ),
        # Nobody decided it, and the policy does not let the system do it.
        (
            _REVERSALS_STOP,
            Stopped("10.1", COMMAND, STOPPABLE, key="correct"),
            Stopped("2.1", COMMAND, STOPPABLE, key="correct"),
        ),
    ),
    Fault(
        "correction for no reason",
        "10.2",
        (
            *_correction(_BY_THE_OPERATOR),
            logged(_BY_THE_OPERATOR, action="correct", actor_id="{operator}", subject="{alias}"),
            *journal_row(
                utid=_BY_THE_OPERATOR,
                command="correct",
                actor_id="{operator}",
                actor="{operator_alias}",
                role="operator",
                reason="' '",
                amount="1000",
            ),
        ),
        # The policy wants a reason of everybody with power.
        (_REVERSALS_STOP, Stopped("2.1", COMMAND, STOPPABLE, key="correct")),
    ),
    Fault(
        "restriction that the gate lost by itself",
        "10.2",
        (_lifted("authority:restrict", "the same check holds again in a fresh pass"),),
        (_REVERSALS_STOP,),
        before=_restricted,
        cure=_looked_at,
    ),
    Fault(
        "restriction lifted in the operator's name, which the operator never decided",
        "10.2",
        (_lifted("{operator_alias}", "as the forger would have it"),),
        (_REVERSALS_STOP,),
        before=_restricted,
        cure=_looked_at,
    ),
    Fault(
        "restrictions lifted by decisions that nobody stands behind",
        "10.2",
        _lifted_anyhow(),
        (Stopped("10.2", EVERYTHING, frozenset(["reversal"]), findings=4),),
        before=_restricted_four_times,
        cure=_looked_at,
    ),
    Fault(
        "corrections that call themselves deposits",
        "10.2",
        (
            *_set_back_as_a_deposit(1, _set_back("capital_correction", capital=1000)),
            *_set_back_as_a_deposit(2, _set_back("locked_correction", locked=1000)),
            *_set_back_as_a_deposit(3, _set_back("profit_correction", profit=1000)),
            *_set_back_as_a_deposit(4, _FARMERS_SET_BACK),
            PATCH,
        ),
        (
            Stopped("10.2", EVERYTHING, frozenset(["reversal"]), findings=4),
            # No deposit writes in a farmer's ledger, and in that alone.
            Stopped("2.1", COMMAND, STOPPABLE, key="deposit", findings=1),
            Stopped("4.2", COMMAND, STOPPABLE, key="deposit", findings=1),
        ),
    ),
)
