"""Every row of the catalogue with its last proof; what has none that counts is UNKNOWN and says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from watchkeeper.base.clock import (
    MICROSECONDS_PER_SECOND,
    SECONDS_PER_HOUR,
    Clock,
    Instant,
    iso,
    later,
)
from watchkeeper.base.database import Database, Engine
from watchkeeper.boundary.gate import Switch
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.catalogue.conditions import CONDITIONS
from watchkeeper.operation.catalogue.metrics import METRICS
from watchkeeper.operation.catalogue.threats import AWAITED, THREATS
from watchkeeper.operation.coverage.proofs import Proof, recorded
from watchkeeper.operation.coverage.version import version
from watchkeeper.operation.verifier import history, verdicts

PROVEN, BROKEN, UNKNOWN = "PROVEN", "BROKEN", "UNKNOWN"
_WORST_FIRST = (BROKEN, UNKNOWN, PROVEN)
#: Proofs older than this say nothing about now, unless the settings say otherwise.
PROOF_DAYS_MAX = 30
#: A proof further ahead than this is of a calendar that was wrong.
_AHEAD_SECONDS_MAX = 300


@dataclass(frozen=True, slots=True)
class Watched:
    """A row of the catalogue: what it is, and which drills prove it.

    `by` names the rows whose drills prove this one, all of them, when it is not its own alone; `waits_for` the capability that
    is not there yet, without which nothing can prove it.
    """

    kind: str
    id: str
    name: str
    by: tuple[tuple[str, str], ...] = ()
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands: `state` is PROVEN, BROKEN (its last drill failed) or UNKNOWN.

    `verdict` is what its check says now, empty for a row without one; `blind_seconds` how long that has been unknown, None
    where it is not, or never was anything else.
    """

    kind: str
    id: str
    name: str
    state: str
    why: str
    engine: Engine
    faults: int = 0
    detect_ms: float | None = None
    contain_ms: float | None = None
    proved_at: Instant | None = None
    waits_for: str = ""
    verdict: str = ""
    blind_seconds: float | None = None

    @property
    def proven(self) -> bool:
        """Whether a proof of it counts now."""
        return self.state == PROVEN

    def document(self) -> dict[str, object]:
        """The row as JSON has it."""
        return {
            "kind": self.kind,
            "id": self.id,
            "name": self.name,
            "proven": self.proven,
            "state": self.state,
            "why": self.why,
            "engine": self.engine,
            "faults": self.faults,
            "detect_ms": self.detect_ms,
            "contain_ms": self.contain_ms,
            "proved_at": None if self.proved_at is None else iso(self.proved_at),
            "waits_for": self.waits_for,
            "verdict": self.verdict,
            "blind_seconds": self.blind_seconds,
        }


def _invariants() -> Iterator[Watched]:
    for invariant in INVARIANTS.values():
        yield Watched("invariant", invariant.id, invariant.name)


def _switches() -> Iterator[Watched]:
    for switch in Switch:
        yield Watched("switch", switch.value, f"{switch.value.replace('_', ' ')} refuses what it must")


def _threats() -> Iterator[Watched]:
    for threat in THREATS.values():
        invariants = tuple(("invariant", invariant) for invariant in threat.invariants)
        own = _PROVEN_WITH.get(threat.id, (("threat", threat.id),)) if threat.detectors else ()
        awaited = sorted({AWAITED[name] for name in threat.detectors if name in AWAITED})
        yield Watched("threat", threat.id, threat.name, (*own, *invariants), "; ".join(awaited))


def _metrics() -> Iterator[Watched]:
    titles: dict[str, list[str]] = {}
    for metric in METRICS.values():
        if metric.number:
            titles.setdefault(metric.number, []).append(metric.title)
    for number, named in titles.items():
        yield Watched("metric", number, ", ".join(named))


def _conditions() -> Iterator[Watched]:
    for condition in CONDITIONS.values():
        if condition.id in INVARIANTS:
            yield Watched("alert", condition.id, condition.title, (("invariant", condition.id),))
            continue
        shown = tuple(("threat", name) for name in condition.threats if name not in _PROVEN_WITH)
        yield Watched("alert", condition.id, condition.title, shown, _NOT_DRILLED.get(condition.id, ""))


#: Threats that are shown by what shows others: whose drills prove them.
_PROVEN_WITH = {"10.1": (("threat", "7.1"), ("threat", "7.2"))}
_BACKUPS = "backups"
_A_FULL_DISK = "a server whose disk a drill may fill"
#: Conditions that no drill can bring about yet, and what that takes.
_NOT_DRILLED = {
    "backup stale": _BACKUPS,
    "restore test stale": _BACKUPS,
    "server full": _A_FULL_DISK,
}

#: The indexes that the page and the command show, in this order; each is a line.
INDEXES: tuple[Callable[[], Iterator[Watched]], ...] = (
    _invariants,
    _threats,
    _metrics,
    _conditions,
    _switches,
)


def rows(database: Database, *, engine: Engine, clock: Clock, days_max: int = PROOF_DAYS_MAX) -> list[Row]:
    """Every row as of now, by the proofs on this engine."""
    proofs = recorded(database, engine=engine)
    standing = {view.invariant: view for view in verdicts.current(database, clock=clock)}
    unknown = history.unknown_since(database)
    at = clock.now()
    found: list[Row] = []
    for watched in (watched for index in INDEXES for watched in index()):
        found_proofs = [proofs.get(key) for key in watched.by or ((watched.kind, watched.id),)]
        judged = [_judged(watched, proof, at=at, days_max=days_max) for proof in found_proofs]
        # The worst of them says what the row is.
        state, why = min(judged, key=lambda one: _WORST_FIRST.index(one[0]))
        known = [proof for proof in found_proofs if proof is not None]
        view = standing.get(watched.id) if watched.kind == "invariant" else None
        found.append(
            Row(
                kind=watched.kind,
                id=watched.id,
                name=watched.name,
                state=state,
                why=why,
                engine=engine,
                faults=sum(proof.faults for proof in known),
                detect_ms=_slowest([None if proof is None else proof.detect_us for proof in found_proofs]),
                # A signal that nothing stops for has no such time, and is no reason to hide another's.
                contain_ms=_slowest([proof.contain_us for proof in known if proof.contain_us is not None]),
                proved_at=min(proof.proved_at for proof in known)
                if len(known) == len(found_proofs)
                else None,
                waits_for=watched.waits_for,
                verdict="" if view is None else worst(view),
                blind_seconds=None if view is None else _blind(view, unknown, at=at),
            )
        )
    return found


def _slowest(times_us: list[int | None]) -> float | None:
    """The longest of them in milliseconds; None when one never came."""
    known = [time for time in times_us if time is not None]
    return max(known) / 1000 if known and len(known) == len(times_us) else None


def _judged(watched: Watched, proof: Proof | None, *, at: Instant, days_max: int) -> tuple[str, str]:
    if watched.waits_for:
        return UNKNOWN, f"waits for {watched.waits_for}"
    if proof is None:
        return UNKNOWN, "no drill has proven it here"
    if proof.version != version():
        return UNKNOWN, f"its proof is of other checks ({proof.version}, these are {version()})"
    if proof.proved_at < later(at, seconds=-days_max * 24 * SECONDS_PER_HOUR):
        return UNKNOWN, f"its proof is older than {days_max} days"
    if proof.proved_at > later(at, seconds=_AHEAD_SECONDS_MAX):
        return UNKNOWN, "its proof is of a time that has not come yet"
    if not proof.proven:
        return BROKEN, proof.detail
    others = [" ".join(key) for key in watched.by if key != (watched.kind, watched.id)]
    by = f"by the drill of {', '.join(others)}" if others else ""
    return PROVEN, by


def worst(view: verdicts.Standing) -> str:
    """The worse of what the continuous and the full pass say."""
    both = {view.continuous, view.full}
    return next(word for word in (verdicts.BROKEN, verdicts.UNKNOWN, verdicts.HOLDS) if word in both)


def _blind(
    view: verdicts.Standing, unknown: Mapping[tuple[str, str], Instant], *, at: Instant
) -> float | None:
    """For how long: since the verdict became unknown, or since the pass that nothing followed; None when it is known."""
    found: list[float] = []
    for mode, word, age in (
        (verdicts.CONTINUOUS, view.continuous, view.continuous_age_seconds),
        (verdicts.FULL, view.full, view.full_age_seconds),
    ):
        if word != verdicts.UNKNOWN:
            continue
        if (view.invariant, mode) in unknown:
            found.append((at - unknown[view.invariant, mode]) / MICROSECONDS_PER_SECOND)
        elif age is not None:
            found.append(age)
    return max(found) if found else None
