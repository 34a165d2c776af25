"""10.1 no autonomous decision: acts in the system's name that the documented authority does not name, or not so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills import turning as calendar
from watchkeeper.bootstrap.drills.faults import mistakes
from watchkeeper.bootstrap.drills.faults.model import COMMAND, EVERYTHING, Fault, Sql, Stopped
from watchkeeper.bootstrap.drills.faults.parts import PATCH, STOPPABLE, deposit, journal_row
from watchkeeper.market.commands import ExpireOffer
from watchkeeper.market.decision import Decision
from watchkeeper.market.probes import SYSTEM_USER_ID

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World

_UTID = "'20261124-120000-sys-zzzzzz'"
_A_DAY_HOURS = 25


def _stops(command: str, *rules: str) -> tuple[Stopped, ...]:
    return tuple(Stopped(rule, COMMAND, STOPPABLE, key=command) for rule in ("10.1", *rules))


def _cites_another(decision: Decision) -> None:
    decision.reason = "authority:form-block"


def _expired(world: World) -> None:
    if isinstance(world.clock, calendar.TurnedClock):
        world.clock.offset += _A_DAY_HOURS * calendar.HOUR
    command = ExpireOffer(offer_utid=str(world.names["second_offer"]))
    mistakes.act(world, command, SYSTEM_USER_ID, _cites_another)


#: The rows of an offer's end that came before its day was over.
_FRESH_END = (
    "INSERT INTO offer_steps (id, utid, offer_utid, step, price_ugx_per_kg, at) "
    f"SELECT max(id) + 1, {_UTID}, '{{paid_offer}}', 'expired', NULL, max(at) FROM offer_steps",
    "UPDATE offer_state SET status = 'expired', expires_at = (SELECT max(at) + 86400000000 FROM offer_steps) "
    "WHERE offer_id = (SELECT id FROM offers WHERE utid = '{paid_offer}')",
)


FAULTS = (
    Fault(
        "deposit by the system",
        "10.1",
        (
            deposit(utid=_UTID),
            PATCH,
            *journal_row(utid=_UTID, actor_id="1", actor="system", role="system", amount="500000"),
        ),
        # The policy does not let the system do it either.
        (
            Stopped("10.1", COMMAND, STOPPABLE, key="deposit"),
            Stopped("2.1", COMMAND, STOPPABLE, key="deposit"),
        ),
    ),
    Fault(
        "end of an offer that was fresh",
        "10.1",
        (
            *_FRESH_END,
            *journal_row(
                utid=_UTID,
                command="expire_offer",
                actor_id="1",
                actor="system",
                role="system",
                subject="unit",
                target="'{paid_offer}'",
            ),
        ),
        (Stopped("10.1", COMMAND, STOPPABLE, key="expire_offer"),),
    ),
    Fault(
        "end of an offer that cites another entry",
        "10.1",
        (_expired,),
        _stops("expire_offer"),
        # Offers end after a day, and there is weight to be deducted.
        spoils=frozenset(["answer", "offer's end", "storage fee"]),
    ),
    Fault(
        "end of an offer by somebody whom nobody knows",
        "10.1",
        (
            *_FRESH_END,
            *journal_row(
                utid=_UTID,
                command="expire_offer",
                actor_id="999999",
                actor="tra_nobody",
                subject="unit",
                target="'{paid_offer}'",
            ),
        ),
        _stops("expire_offer", "2.1"),
    ),
    Fault(
        "market set up a second time",
        "10.1",
        journal_row(
            utid=_UTID,
            command="set_up",
            actor_id="1",
            actor="system",
            role="system",
            reason="'as the forger would have it'",
        ),
        # It left no row either.
        _stops("set_up", "2.1", "8.2"),
    ),
    Fault(
        "switch that released itself",
        "10.1",
        (
            Sql(
                (
                    "INSERT INTO flips (number, utid, switch, hold, action, actor, role, reason, journal_n, engaged_after, "
                    f"generation, at) SELECT max(number) + 1, {_UTID}, 'pilot_mode', 'admin', 'release', 'system', 'system', "
                    "'as the forger would have it', max(journal_n), 0, max(generation), max(at) FROM flips",
                ),
                store="gate",
            ),
            *journal_row(
                utid=_UTID,
                command="record_flip",
                actor_id="1",
                actor="system",
                role="system",
                decision="release",
                subject="pilot_mode",
                reason="'as the forger would have it'",
            ),
        ),
        # To release is to set something back.
        (*_stops("record_flip"), Stopped("10.2", EVERYTHING, frozenset(["reversal"]))),
    ),
)
