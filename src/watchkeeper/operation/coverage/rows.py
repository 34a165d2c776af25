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
from watchkeeper.operation.coverage.proofs import Proof, recorded
from watchkeeper.operation.coverage.version import version
from watchkeeper.operation.verifier import history, verdicts

PROVEN, BROKEN, UNKNOWN = "PROVEN", "BROKEN", "UNKNOWN"
#: Proofs older than this say nothing about now, unless the settings say otherwise.
PROOF_DAYS_MAX = 30
#: A proof further ahead than this is of a calendar that was wrong.
_AHEAD_SECONDS_MAX = 300


@dataclass(frozen=True, slots=True)
class Watched:
    """A row of the catalogue: what it is, and which drills prove it.

    `by` names the row whose drill proves this one, when it has none of its own; `waits_for` the capability that is not there
    yet, without which nothing can prove it.
    """

    kind: str
    id: str
    name: str
    by: tuple[str, str] | None = None
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


#: The indexes that the page and the command show, in this order; each is a line.
INDEXES: tuple[Callable[[], Iterator[Watched]], ...] = (_invariants, _switches)


def rows(database: Database, *, engine: Engine, clock: Clock, days_max: int = PROOF_DAYS_MAX) -> list[Row]:
    """Every row as of now, by the proofs on this engine."""
    proofs = recorded(database, engine=engine)
    standing = {view.invariant: view for view in verdicts.current(database, clock=clock)}
    unknown = history.unknown_since(database)
    at = clock.now()
    found: list[Row] = []
    for watched in (watched for index in INDEXES for watched in index()):
        proof = proofs.get(watched.by or (watched.kind, watched.id))
        state, why = _judged(watched, proof, at=at, days_max=days_max)
        view = standing.get(watched.id) if watched.kind == "invariant" else None
        found.append(
            Row(
                kind=watched.kind,
                id=watched.id,
                name=watched.name,
                state=state,
                why=why,
                engine=engine,
                faults=0 if proof is None else proof.faults,
                detect_ms=None if proof is None else _milliseconds(proof.detect_us),
                contain_ms=None if proof is None else _milliseconds(proof.contain_us),
                proved_at=None if proof is None else proof.proved_at,
                waits_for=watched.waits_for,
                verdict="" if view is None else worst(view),
                blind_seconds=None if view is None else _blind(view, unknown, at=at),
            )
        )
    return found


def _milliseconds(value: int | None) -> float | None:
    return None if value is None else value / 1000


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
    by = "" if watched.by is None else f"by the drill of {' '.join(watched.by)}"
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
