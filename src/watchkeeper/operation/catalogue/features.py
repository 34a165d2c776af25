"""Is a feature whole? Worked out a second time from the catalogue's table: what each command may rightly be refused for.

A feature is whole when all its commands pass or all are off as the operator last turned it, when nothing but switches, the
lease and restrictions refuses any of them, when its rules answer, its views are there, and its rounds go round. The evidence is
the market's own probes, taken through the entrance in one transaction, with the gate as it was in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from watchkeeper.base import canonical
from watchkeeper.base.database import DatabaseError
from watchkeeper.boundary.features import BY_NAME, DELIVERY_VERIFICATION, PURCHASE, STORAGE_FEE, Feature
from watchkeeper.boundary.gate import EVERYTHING, OperationClass
from watchkeeper.boundary.gate import OperationClass as Class
from watchkeeper.boundary.lease import PROBE_SECONDS_MAX
from watchkeeper.boundary.selftest import FAILS, RESTS, JobTurn, Probe, ProbeRound
from watchkeeper.boundary.turning import FeatureState
from watchkeeper.boundary.views import VIEWS
from watchkeeper.operation.catalogue.context import Context, SelfTest
from watchkeeper.operation.catalogue.model import CannotTell, Closing, Draft, Seen, Standing

#: Invariant -> the feature that it judges; the page offers to turn it.
OF_INVARIANT: Mapping[str, str] = {"9.1": PURCHASE, "9.2": DELIVERY_VERIFICATION, "9.3": STORAGE_FEE}
#: A round of the market's own turns each second.
TURN_SECONDS_MAX = 60.0

_PILOT, _WINDOW, _SHUTDOWN = "pilot_mode", "purchase_window", "shutdown"
#: In the order in which they speak (domain, Errors).
_CODES = (
    (_SHUTDOWN, "system-shut-down"),
    (_PILOT, "pilot-mode-active"),
    (_WINDOW, "purchase-window-closed"),
)


@dataclass(frozen=True, slots=True)
class _Stops:
    """What may rightly stop a command: these switches, a lapsed lease or not, a restriction of one of these classes."""

    switches: frozenset[str]
    lease: bool
    classes: frozenset[Class]


def _stops(*classes: Class, switches: tuple[str, ...] = (), lease: bool = True) -> _Stops:
    return _Stops(frozenset({_SHUTDOWN, *switches}), lease, frozenset(classes))


#: Feature -> its probes -> what stops each (catalogue, Operation classes). What is missing from the manifest is missed here.
_TABLE: Mapping[str, Mapping[str, _Stops]] = {
    PURCHASE: {
        "purchase": _stops(Class.PURCHASE, switches=(_PILOT, _WINDOW)),
        "cancel_purchase": _stops(Class.PURCHASE_CANCELLATION),
        "pickup": _stops(Class.PICKUP),
        "purchase_expiry": _stops(Class.PICKUP),
    },
    DELIVERY_VERIFICATION: {
        "verify_delivery": _stops(Class.VERIFICATION, Class.DELIVERED),
        "verify_delivery:late": _stops(Class.VERIFICATION, lease=False),
        "reverse_lock": _stops(Class.REVERSAL),
    },
    STORAGE_FEE: {"storage_fee": _stops(Class.STORAGE_FEE, switches=(_PILOT,))},
}
#: Feature -> the rounds of the market's own that it cannot do without.
_ROUNDS: Mapping[str, tuple[str, ...]] = {STORAGE_FEE: ("storage fee",)}


def rightly_refused(probe: str, found: ProbeRound) -> list[str]:
    """The codes with which a probe ought to have been refused, its feature being on, under the gate of its round."""
    stops = next(table[probe] for table in _TABLE.values() if probe in table)
    codes = [code for cause, code in _CODES if cause in stops.switches and cause in found.engaged]
    if found.lease_silent and stops.lease:
        # The lease speaks after shutdown and before the other switches.
        codes.insert(codes[:1].count("system-shut-down"), "monitor-silent")
    if any(item.value in found.restricted for item in stops.classes):
        codes.append("operation-restricted")
    return codes


def judged(context: Context, name: str, *, invariant: str, stops: frozenset[OperationClass]) -> list[Draft]:
    """Everything that is not whole about a feature; raises `CannotTell` when the evidence is missing or too old."""
    feature = BY_NAME[name]
    state = next(state for state in context.gate.features if state.feature.name == name)
    tested = evidence(context)
    found = tested.probes
    if found is None:
        raise CannotTell(CannotTell.__doc__)
    return [
        draft(name, part, detail, invariant=invariant, stops=stops)
        for part, detail in _parts(context, feature, state, found, tested.jobs)
    ]


def draft(name: str, part: str, detail: str, *, invariant: str, stops: frozenset[OperationClass]) -> Draft:
    """What is not whole about one part of a feature; the same words are the same finding."""
    return Draft(
        invariant=invariant,
        kind="half working",
        scope=EVERYTHING,
        classes=stops,
        table_name="features",
        row_key=f"{name}: {part}",
        expected=canonical.encode({"whole": True}).decode("ascii"),
        found=canonical.encode(canonical.row_document({part: detail})).decode("ascii"),
        found_digest=canonical.digest(canonical.encode(canonical.row_document({part: detail}))),
        detail=f"{name.replace('_', ' ')} is not whole: {detail}",
    )


def evidence(context: Context) -> SelfTest:
    """The market's last self-test, with probes young enough to say something about now; raises `CannotTell`."""
    try:
        tested = context.tested()
    except DatabaseError as error:
        raise CannotTell(f"the market's probes cannot be read: {error}") from error
    if tested.probes is None:
        raise CannotTell("the market has not probed its features yet")
    age = context.clock.boot().seconds_since(tested.probes.probed)
    if age is None or not 0 <= age <= PROBE_SECONDS_MAX:
        raise CannotTell("the market's last probe of its features is too old")
    return tested


def _parts(
    context: Context,
    feature: Feature,
    state: FeatureState,
    found: ProbeRound,
    jobs: Mapping[str, JobTurn],
) -> Iterator[tuple[str, str]]:
    if not state.as_turned:
        wanted = "on" if state.turned is None or state.turned.on else "off"
        refused = ", ".join(state.refused) or "nothing"
        yield "rows", f"the gate refuses {refused}, and the operator last turned it {wanted}"
    table = _TABLE[feature.name]
    probes = {
        probe.name: probe
        for probe in found.probes
        if probe.name in table or probe.name.partition(":")[0] in feature.commands
    }
    unprobed = sorted(table.keys() - probes.keys())
    if unprobed:
        yield "probes", f"the market did not probe {', '.join(unprobed)}"
    # The rows are judged above as they are now; a probe of before a change says nothing about it.
    same = found.generation == context.gate.generation
    off = state.turned is not None and not state.turned.on
    wrong = [
        said
        for name in sorted(probes)
        if (said := _refused_wrongly(probes[name], name in table, found, off if same else None))
    ]
    if wrong:
        yield "gate", "; ".join(wrong)
    raised = [f"{name} {probe.answer}" for name, probe in sorted(probes.items()) if not _answered(probe)]
    if raised:
        yield "rules", f"a rule did not refuse what it can never accept: {', '.join(raised)}"
    if same and found.engaged - {_SHUTDOWN} != context.gate.engaged - {_SHUTDOWN}:
        yield "switches", "the market sees other switches engaged than the gate has"
    unpublished = [view for view in feature.views if VIEWS[view].name not in context.published()]
    if unpublished:
        yield "views", f"there is no view of {', '.join(unpublished)}"
    for job in _ROUNDS.get(feature.name, ()):
        problem = _stands_still(jobs.get(job), found, probes.values())
        if problem:
            yield f"round {job}", problem


def _refused_wrongly(probe: Probe, known: bool, found: ProbeRound, off: bool | None) -> str:
    """What is wrong with how a probe was refused, in words; `off` is None where the gate has changed since."""
    if not known:
        return f"{probe.name} is in no table of what may stop it"
    wanted = set(rightly_refused(probe.name, found))
    met = set(probe.refused_as)
    if off is None:
        met.discard("feature-off")
    elif off:
        wanted.add("feature-off")
    said: list[str] = []
    if met - wanted:
        said.append(f"{probe.name} is refused as {', '.join(sorted(met - wanted))}")
    if wanted - met:
        said.append(f"{probe.name} is not refused as {', '.join(sorted(wanted - met))}")
    return " and ".join(said)


def _answered(probe: Probe) -> bool:
    """Whether the rule refused with a code of the market's errors: a rule that is lost raises, one that is open accepts."""
    return bool(probe.answer) and " " not in probe.answer and probe.answer != "accepted"


def _stands_still(turn: JobTurn | None, found: ProbeRound, probes: Collection[Probe]) -> str:
    if turn is None:
        return "it has never been reported"
    if turn.state == FAILS:
        return f"it ends in an error: {turn.detail}"
    age = found.probed.seconds_since(turn.turned)
    if age is None or age > TURN_SECONDS_MAX:
        return "it does not turn"
    passing = all(not probe.refused_as for probe in probes)
    if turn.state == RESTS and passing and turn.generation == found.generation:
        return f"it rests although nothing stops it: {turn.detail}"
    return ""


def whole_again(name: str, judge: Callable[[Context, Seen], Collection[Draft]]) -> Closing:
    """How a finding about a feature may close: the operator turned it as a whole since, it was probed since, and the same
    check finds nothing.
    """

    def asked(context: Context, seen: Seen) -> Standing:
        turned = next(state for state in context.gate.features if state.feature.name == name).turned
        if turned is None or turned.at < seen.seen_at:
            return Standing(
                "stands", f"nobody has turned it since: watchkeeper feature off {name}, or on, makes it whole"
            )
        try:
            found = evidence(context).probes
            left = judge(context, seen)
        except CannotTell as error:
            return Standing("stands", str(error))
        if found is None or found.generation < turned.generation:
            return Standing(
                "stands", "the market has not probed it since it was turned; look again in a moment"
            )
        for found_again in left:
            return Standing("stands", found_again.detail)
        return Standing("cured", f"{name} was turned {'on' if turned.on else 'off'} and is whole")

    return asked
