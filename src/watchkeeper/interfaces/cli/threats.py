"""`threats`: what could go wrong by somebody's doing or by misfortune, and whether anything shows it."""

from __future__ import annotations

from dataclasses import asdict

from watchkeeper.interfaces.cli.shared import DEFAULT_DATA, AsJson, Data, answer, room
from watchkeeper.operation.console import threats as threatening
from watchkeeper.operation.console.threats import Evidence, ThreatView


def threats(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Say of every threat what shows it, when that was last looked at, and whether something was seen."""
    with room(data) as control:
        found = threatening.current(control.database, clock=control.clock)
        rows = [asdict(view) | {"age_seconds": view.age_seconds} for view in found]
        answer(rows, as_json=as_json, text="\n".join(line for view in found for line in _lines(view)))


def _lines(view: ThreatView) -> list[str]:
    told = f", alert {', '.join(str(number) for number in view.alerts)}" if view.alerts else ""
    lines = [f"{view.id:<5}{view.state:<9}{view.name} ({view.severity}{told}); contained: {view.contained}"]
    return lines + [f"       {_evidence(one)}" for one in view.evidence]


def _evidence(one: Evidence) -> str:
    age = "never on this boot" if one.age_seconds is None else f"{one.age_seconds:.0f} s ago"
    counted = "" if one.value is None or one.value_max is None else f" {one.value:,} of {one.value_max:,}"
    return f"{one.kind} {one.name}: {one.state}, {age}{counted}. {one.detail}".rstrip(". ") + "."
