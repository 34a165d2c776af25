"""What a signal is made of: something that truly happens, and what the watch must say of it and did not say before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.signals.stage import Stage

THREAT, METRIC, ALERT, SWITCH = "threat", "metric", "alert", "switch"
_LETTERS = {THREAT: "T", METRIC: "M", ALERT: "A", SWITCH: "S"}


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that shows one row of the catalogue.

    `does` says what happens; `speaks` makes it happen and notes on the stage what was required and not met. `conditions`:
    the alerts that it proves.
    """

    kind: str
    id: str
    does: str
    speaks: Callable[[Stage], None]
    conditions: tuple[str, ...] = ()
    #: Whether the watch must stop something for it.
    contains: bool = False

    @property
    def drill(self) -> str:
        """How the drill is called that plays it: T4.2, M2.1, Aproof-stale, Sshutdown."""
        return _LETTERS[self.kind] + self.id.replace(" ", "-")


def told(
    kind: str,
    of: str,
    does: str,
    act: Callable[[Stage], None],
    *,
    by: str,
    condition: str,
    severity: str,
    contains: bool = False,
) -> Signal:
    """A signal that is an alert: the detector `by` is silent, the act happens, one look raises the alert once."""

    def speaks(stage: Stage) -> None:
        stage.silent(by, condition)
        act(stage)
        stage.acted()
        stage.look(by)
        stage.speaks_of(condition, severity)
        stage.look(by)
        stage.speaks_of(condition, severity)
        if contains:
            stage.contained(condition)

    return Signal(kind, of, does, speaks, (condition,), contains)


def moved(
    of: str,
    does: str,
    act: Callable[[Stage], None],
    metric: str,
    *labels: str,
    by: int | None = None,
    to: int | None = None,
) -> Signal:
    """A signal that is a number: known before the act, and afterwards another by so much, or exactly this."""

    def speaks(stage: Stage) -> None:
        before = stage.value(metric, *labels)
        if before is None or before == to:
            stage.unmet.append(f"{metric} says {before} before anything has happened")
            return
        act(stage)
        stage.acted()
        wanted = before + by if by is not None else to
        found = stage.value(metric, *labels)
        if found != wanted:
            stage.unmet.append(f"{metric} says {found}, not {wanted}")
        else:
            stage.heard()

    return Signal(METRIC, of, does, speaks)
