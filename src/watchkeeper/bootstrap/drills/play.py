"""A drill, played: the fault, what is seen, what stops, what goes on, the refusal before the cure, the cure, the lift."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from watchkeeper.base.clock import Clock, Instant
from watchkeeper.bootstrap.drills import business, curing, tries
from watchkeeper.bootstrap.drills.facts import FACTS, NAMES, READS, ROLLING, ROW_KEY, TABLES
from watchkeeper.bootstrap.drills.faults.model import Fault
from watchkeeper.bootstrap.drills.prepared import Prepared, opened
from watchkeeper.bootstrap.drills.tries import Tried
from watchkeeper.bootstrap.drills.turning import TurnedClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.market.refusals import Refusal
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.verifier import findings, verdicts

_MICROSECONDS_PER_MS = 1000


@dataclass(frozen=True, slots=True)
class Played:
    """What one fault showed: what was required and not met, and the times from its commit, in milliseconds.

    `detect_ms` to the first finding of the rule that must see it; `contain_ms` until all that it declares stood still. None
    when that never came. The watch was turned by hand right after the commit, so what they leave out is its waiting for the
    next look.
    """

    unmet: tuple[str, ...]
    detect_ms: float | None
    contain_ms: float | None


def play(data: Path, fault: Fault, *, clock: Clock) -> Played:
    """Play one fault in a new folder."""
    turned = TurnedClock(clock)
    world = World(data, clock=turned, business=business.whole)
    return _to_its_end(world, fault, turned)


def play_in_copy(market: Prepared, fault: Fault, *, clock: Clock, to_the_end: bool = True) -> Played:
    """Play one fault in a copy of a market that was made for many.

    `to_the_end` False: what was seen and what stopped is enough where it is not as it must be, and nothing is cured.
    """
    turned = TurnedClock(clock)
    with market.copy() as place:
        return _to_its_end(opened(place, clock=turned), fault, turned, always=to_the_end)


def _to_its_end(world: World, fault: Fault, clock: TurnedClock, *, always: bool = True) -> Played:
    try:
        return _play(world, fault, clock, always=always)
    finally:
        world.close()


def _play(world: World, fault: Fault, clock: TurnedClock, *, always: bool) -> Played:
    unmet: list[str] = []
    if fault.before is not None:
        fault.before(world)
        world.turn()
    if fault.pilot_mode:
        world.pilot_mode("engage")
        world.turn()
    unmet += _sound(world)
    if unmet and not always:
        return Played(tuple(unmet), None, None)
    committed = clock.at(world.inject(fault.steps))
    world.turn()
    if any(stop.seen == "hour" for stop in fault.stops):
        world.hour()
    detect_ms, contain_ms = _times(world, fault, committed)
    unmet += _seen(world, fault)
    unmet += _stopped(world, fault)
    if always or not unmet:
        unmet += _looked(world, fault)
    if unmet and not always:
        return Played(tuple(unmet), detect_ms, contain_ms)
    tried = tries.answered(world, fault)
    unmet += [
        f"{one.what}: {one.answer}, not {' or '.join(sorted(one.wanted))}"
        for one in tried
        if one.answer not in one.wanted
    ]
    world.turn()
    unmet += _silent(world, "beside the fault")
    if unmet and not always:
        return Played(tuple(unmet), detect_ms, contain_ms)
    unmet += curing.go_through(world, fault)
    world.turn()
    left = findings.open_findings(world.database)
    if left:
        unmet.append(f"still open after the cure: {', '.join(f.detail for f in left)}")
    if imposing.active(world.gatefile):
        unmet.append("still restricted after the lift")
    unmet += _resumed(world, fault, tried)
    world.turn()
    world.full_pass()
    if findings.open_findings(world.database):
        unmet.append("business after the cure gave a finding")
    return Played(tuple(unmet), detect_ms, contain_ms)


def _sound(world: World) -> list[str]:
    """Nothing is found before the fault, and every check has come to its end."""
    unmet = _silent(world, "before the fault")
    if findings.open_findings(world.database):
        unmet.append("there was a finding before the fault")
    return unmet


def _silent(world: World, when: str) -> list[str]:
    """The checks that did not come to their end among what was new, as business goes on."""
    states = verdicts.current(world.database, clock=world.clock)
    silent = sorted(one.invariant for one in states if one.continuous == verdicts.UNKNOWN)
    return [f"{when} nothing was known of {', '.join(silent)}"] if silent else []


def _times(world: World, fault: Fault, committed: Instant) -> tuple[float | None, float | None]:
    seen = [f.seen_at for f in findings.open_findings(world.database) if f.invariant == fault.proves]
    stopped = [
        imposing.first_contained_at(world.database, rule=stop.rule, scope=stop.place(world.names))
        for stop in fault.stops
    ]
    contained = [at for at in stopped if at is not None]
    detect_ms = (min(seen) - committed) / _MICROSECONDS_PER_MS if seen else None
    if len(contained) < len(stopped) or not contained:
        return detect_ms, None
    return detect_ms, (max(contained) - committed) / _MICROSECONDS_PER_MS


def _seen(world: World, fault: Fault) -> list[str]:
    open_ones = findings.open_findings(world.database)
    found = {f.invariant for f in open_ones}
    unmet: list[str] = []
    for stop in fault.stops:
        place = stop.place(world.names)
        named = [f.detail for f in open_ones if (f.invariant, f.scope) == (stop.rule, place)]
        if stop.findings not in (None, len(named)):
            unmet.append(f"{stop.rule} has {len(named)} findings on {place}, not {stop.findings}: {named}")
        texts = [(f.expected, f.found) for f in open_ones if (f.invariant, f.scope) == (stop.rule, place)]
        if stop.says is not None and stop.says not in texts:
            unmet.append(f"{stop.rule} says {texts} on {place}, not {stop.says}")
    unmet += [
        f"{f.invariant} does not say what it found: {f.detail}" for f in open_ones if f.expected == f.found
    ]
    unmet += [
        f"{f.invariant} names {f.table_name}, which there is not"
        for f in open_ones
        if f.table_name not in TABLES
    ]
    unmet += [
        f"{f.invariant} names nothing of {f.table_name}: {f.row_key}"
        for f in open_ones
        if f.table_name in TABLES and NAMES.get(f.table_name, ROW_KEY).fullmatch(f.row_key) is None
    ]
    if found != fault.breaks:
        unmet.append(f"seen by {sorted(found)}, not by {sorted(fault.breaks)}")
    alerted = {alert.condition for alert in alerts.listed(world.database)}
    if alerted != fault.conditions:
        unmet.append(f"alerts {sorted(alerted)}, not {sorted(fault.conditions)}")
    for alert in alerts.listed(world.database):
        said = (alert.severity, alert.playbook)
        if FACTS.get(alert.condition, said) != said:
            unmet.append(f"the alert {alert.condition} says {', '.join(said)}")
    return unmet


def _looked(world: World, fault: Fault) -> list[str]:
    """Each rule is seen by the look, or by both, that can see it; by none is one seen that is not broken."""
    whole, unsaid = world.in_the_whole()
    must_notice = {stop.rule for stop in fault.stops if stop.seen not in ("whole", "hour")}
    must_be_whole = {stop.rule for stop in fault.stops if stop.seen != "new"}
    unmet: list[str] = []
    if not must_notice <= world.noticed <= fault.breaks:
        unmet.append(f"among what is new {sorted(world.noticed)}, not {sorted(must_notice)}")
    if whole != must_be_whole:
        unmet.append(f"in the whole {sorted(whole)}, not {sorted(must_be_whole)}")
    if unsaid != fault.unsaid:
        unmet.append(f"the whole says nothing of {sorted(unsaid)}, and not of {sorted(fault.unsaid)}")
    turning = world.in_a_round()
    if turning != must_be_whole & ROLLING:
        unmet.append(f"between commits {sorted(turning)}, not {sorted(must_be_whole & ROLLING)}")
    unmet += [
        f"{rule} reads {', '.join(INVARIANTS[rule].reads) or 'no other'}"
        for rule in sorted(fault.breaks)
        if frozenset(INVARIANTS[rule].reads) != READS.get(rule, frozenset())
    ]
    return unmet


def _stopped(world: World, fault: Fault) -> list[str]:
    """What stops is the union that the fault declares, class by class, and nothing beside it."""
    found = {
        (r.rule, str(r.scope), frozenset(str(name) for name in r.classes))
        for r in imposing.active(world.gatefile)
    }
    wanted = {(s.rule, s.place(world.names), s.classes) for s in fault.stops}
    unmet: list[str] = []
    for rule, scope, classes in sorted(wanted - found, key=str):
        unmet.append(f"{rule} does not stop exactly {', '.join(sorted(classes))} on {scope}")
    for rule, scope, classes in sorted(found - wanted, key=str):
        unmet.append(f"{rule} stops {', '.join(sorted(classes))} on {scope}")
    return unmet


def _resumed(world: World, fault: Fault, tried: list[Tried]) -> list[str]:
    """What was refused passes after the lift, for both sides; in pilot mode once the admin has released it, not before."""
    unmet: list[str] = []
    if fault.pilot_mode:
        if world.can_deposit(world.victim) != "pilot-mode-active":
            unmet.append("the lift released pilot mode too")
        try:
            world.pilot_mode("release")
        except Refusal as refusal:
            unmet.append(f"pilot mode cannot be released after the cure: {refusal.code}")
    unmet += [
        f"after the cure {one.what}: {answer}"
        for one in tried
        if one.answer not in one.one.passes and (answer := tries.again(world, one))
    ]
    others = (
        ("a farmer lists", world.can_list()),
        ("the neighbour deposits", world.can_deposit(world.neighbour)),
        ("the neighbour locks", world.can_lock(world.neighbour)),
    )
    return unmet + [f"after the cure {what}: {answer}" for what, answer in others if answer != "accepted"]
