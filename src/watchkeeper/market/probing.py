"""The self-test of the features: what the gate and its own rule say to a probe of each command.

It runs inside a transaction that its caller rolls back, under the gate as every command is; so it learns what a command
would meet now, and nothing of it can stay.
"""

from __future__ import annotations

from pathlib import Path

import structlog

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Database, DatabaseError
from watchkeeper.boundary import admit
from watchkeeper.boundary.gate import EVERYTHING, GateState, Switch, account
from watchkeeper.boundary.selftest import Probe, ProbeRound
from watchkeeper.market.commands import Act
from watchkeeper.market.decide import decide, touched
from watchkeeper.market.decision import Context
from watchkeeper.market.load import load
from watchkeeper.market.probes import FEATURE_PROBES, SYSTEM_USER_ID
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import State

_log = structlog.get_logger()


def all_features(database: Database, gate: GateState, *, data: Path, clock: Clock) -> ProbeRound:
    """Probe every command of every feature; the caller's transaction must not be committed."""
    acts = {
        name: Act(command=command, actor_id=SYSTEM_USER_ID, command_id=f"probe-{name}")
        for name, command in FEATURE_PROBES.items()
    }
    at = clock.now()
    state = load(database, [*acts.values()], at=at)
    system = state.users[SYSTEM_USER_ID]
    context = Context(actor=system, at=at, utid="")
    probes: list[Probe] = []
    for name, act in acts.items():
        stopped = admit.causes(
            gate,
            command=act.command.name,
            classes=act.command.classes,
            touched=touched(act.command, state, system),
        )
        answer = _answer(act, database, state, context, data=data)
        probes.append(Probe(name, tuple(stopped), answer))
    everyone = (EVERYTHING, account(system.alias))
    return ProbeRound(
        generation=gate.generation,
        engaged=frozenset(switch.value for switch in Switch if gate.engaged(switch)),
        lease_silent=gate.lease_silent,
        restricted=frozenset(
            item.value
            for restriction in gate.restrictions
            if restriction.scope in everyone
            for item in restriction.classes
        ),
        probed=clock.boot(),
        at=at,
        probes=tuple(probes),
    )


def _answer(act: Act, database: Database, state: State, context: Context, *, data: Path) -> str:
    """The code with which the command's own rule refuses what it can never accept; anything else in words."""
    try:
        decide(act, database, state, context, data=data)
    except Refusal as refusal:
        return refusal.code
    except DatabaseError:
        raise
    except Exception as error:
        # The rule of a feature that is not whole: the watch is told, and the other probes go on.
        _log.exception("probe.raised", command=act.command.name)
        return f"raised {type(error).__name__}"
    return "accepted"
