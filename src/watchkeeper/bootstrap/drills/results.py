"""What drills showed, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from watchkeeper.base.clock import Instant, iso
from watchkeeper.base.database import Engine


@dataclass(frozen=True, slots=True)
class FaultResult:
    """One fault: what was required and not met, and its times from the commit, in milliseconds."""

    name: str
    unmet: tuple[str, ...]
    detect_ms: float | None
    contain_ms: float | None
    #: Whether something must stop for it.
    contains: bool = True

    @property
    def line(self) -> str:
        """The result in a line, and one more for each requirement that was not met."""
        times = f"seen {_ms(self.detect_ms)}"
        if self.contains:
            times += f", contained {_ms(self.contain_ms)}"
        return "\n".join(
            (
                f"  {'NO ' if self.unmet else 'ok '} {self.name} ({times})",
                *(f"      {one}" for one in self.unmet),
            )
        )


@dataclass(slots=True)
class DrillResult:
    """What a drill showed on one engine. Its times are its slowest fault's."""

    kind: str
    id: str
    engine: Engine
    faults: list[FaultResult] = field(default_factory=list)
    proved_at: Instant | None = None

    @property
    def proven(self) -> bool:
        """Whether every fault met every requirement."""
        return bool(self.faults) and not any(fault.unmet for fault in self.faults)

    @property
    def detect_ms(self) -> float | None:
        """From a fault's commit to its finding, at the slowest; None when one was not seen."""
        return _slowest([fault.detect_ms for fault in self.faults])

    @property
    def contain_ms(self) -> float | None:
        """From a fault's commit until all that it declares stood still, at the slowest; None when something went on."""
        return _slowest([fault.contain_ms for fault in self.faults if fault.contains])

    @property
    def contained(self) -> str:
        """The same in words; a dash where nothing must stop."""
        return _ms(self.contain_ms) if any(fault.contains for fault in self.faults) else "-"

    @property
    def detail(self) -> str:
        """What was not met, fault by fault; empty when all was."""
        return "; ".join(f"{fault.name}: {', '.join(fault.unmet)}" for fault in self.faults if fault.unmet)

    def document(self) -> dict[str, object]:
        """The result as JSON has it."""
        return {
            "kind": self.kind,
            "id": self.id,
            "engine": self.engine,
            "proven": self.proven,
            "detect_ms": self.detect_ms,
            "contain_ms": self.contain_ms,
            "proved_at": None if self.proved_at is None else iso(self.proved_at),
            "faults": [asdict(fault) for fault in self.faults],
        }


def table(results: Sequence[DrillResult]) -> str:
    """All results with their times, a line each."""
    head = f"{'row':<22} {'engine':<11} {'proven':<7} {'faults':>6} {'seen':>10} {'contained':>10}"
    lines = [
        f"{result.kind + ' ' + result.id:<22} {result.engine:<11} {'yes' if result.proven else 'NO':<7} "
        f"{len(result.faults):>6} {_ms(result.detect_ms):>10} {result.contained:>10}"
        for result in results
    ]
    proven = sum(result.proven for result in results)
    return "\n".join((head, *lines, f"{proven} of {len(results)} proven"))


def _slowest(times: Sequence[float | None]) -> float | None:
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None


def _ms(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} ms"
