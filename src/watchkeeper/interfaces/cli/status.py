"""`status`, `check`, `journal`: what is."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated

import typer

from watchkeeper.base.clock import Instant, kampala
from watchkeeper.base.money import ugx
from watchkeeper.interfaces.cli.shared import DEFAULT_DATA, AsJson, Data, answer, room, say, table
from watchkeeper.interfaces.control_room import ControlRoom
from watchkeeper.operation.console.overview import Overview, RunView
from watchkeeper.operation.verifier import passes

_EXIT = {"HOLDS": 0, "BROKEN": 1, "UNKNOWN": 2}
_FULL_SECONDS_MAX = 3600.0
_FOLLOW_SECONDS = 0.5


def _age(seconds: float | None) -> str:
    return "never on this boot" if seconds is None else f"{seconds:.1f} s ago"


def render(overview: Overview) -> str:
    """The overview for a terminal."""
    lines = [f"{overview.worst}   {overview.system_id}   {kampala(overview.at)} Kampala", ""]
    lines += [f"! {problem}" for problem in overview.problems]
    if overview.works:
        lines.append(f"works    {', '.join(overview.works)}")
    for scopes in sorted(set(map(tuple, overview.partly.values()))):
        names = [name for name, others in overview.partly.items() if tuple(others) == scopes]
        lines.append(f"works    except for {', '.join(scopes)}: {', '.join(names)}")
    for state in sorted(set(overview.features.values())):
        names = [name for name, found in overview.features.items() if found == state]
        lines.append(f"features {', '.join(names)}: {state}")
    for why in sorted(set(overview.stopped.values())):
        names = [name for name, reason in overview.stopped.items() if reason == why]
        lines.append(f"stopped  {', '.join(names)} ({why})")
    if overview.goes_on is not None:
        counted = ", ".join(
            f"{count} {name.replace('_', ' ')}" for name, count in overview.goes_on.commands.items()
        )
        lines.append(f"goes on  since {kampala(overview.goes_on.since)}: {counted or 'nothing yet'}")
    lines += ["", "checks"]
    for view in overview.verdicts:
        lines.append(
            f"  {view.invariant}  {view.verdict:<8}{_age(view.age_seconds):<22}full {view.full_verdict:<8}"
            f"{_age(view.full_age_seconds):<22}{view.name} {view.detail}".rstrip()
        )
    if overview.deadlines:
        lines.append(f"old      is a verdict after: {overview.deadlines}")
    if overview.watch is not None:
        lines.append(
            f"watch    {'heard' if overview.watch.heard else 'SILENT'}, read to number {overview.watch.watermark}, "
            f"{'?' if overview.watch.behind is None else overview.watch.behind} behind, {overview.watch.sealed} sealed, last full pass: {overview.watch.full_pass or 'none'}"
        )
        if overview.watch.failover:
            lines.append(f"server   a failover {overview.watch.failover}")
    for switch in overview.switches:
        state = "engaged" if switch.engaged else "off"
        lines.append(f"switch   {switch.switch:<16}{state:<9}bites: {switch.bites}  {' '.join(switch.holds)}")
    if overview.compared is not None:
        until = ", ".join(f"{name} until {kampala(at)}" for name, at in sorted(overview.compared.items()))
        lines.append(
            f"compared {until or 'nothing yet with the statement of a provider: watchkeeper reconcile'}"
        )
    if overview.unexplained_payments:
        lines.append(
            f"money    {overview.unexplained_payments:,} payments older than a day stand on one side only: watchkeeper payment list"
        )
    for missing in overview.unrecovered or []:
        lines.append(
            f"missing  {ugx(missing.amount_ugx)} of {missing.account} unrecovered, for {missing.finding}: "
            f"watchkeeper playbook waive {missing.utid}"
        )
    if overview.alerts:
        lines += ["", "alerts"]
    for alert in overview.alerts:
        due = "answered" if alert.due_seconds is None else f"answer within {alert.due_seconds:.0f} s"
        lines.append(f"  {alert.id}  {alert.severity:<9}{alert.title} ({alert.scope}): {alert.detail}")
        lines.append(
            f"     {alert.state}, {due}, {alert.incident or 'no incident yet'}, playbook run {alert.run_id}"
        )
    for restriction in overview.restrictions:
        lines.append(
            f"stop     {restriction.scope} by {restriction.rule} ({restriction.cause}): {', '.join(restriction.classes)}"
        )
    for run in overview.runs:
        lines += _run(run)
    if overview.stopwatches:
        lines += ["", "stopwatch, from the commit"]
    for watch in overview.stopwatches:
        lines.append(
            f"  finding {watch.finding_id} ({watch.invariant}, {watch.scope}, {watch.state}): seen {watch.text('seen')}, "
            f"contained {watch.text('contained')}, told {watch.text('told')}"
        )
    if overview.closed:
        lines += ["", "closed lately"]
    for incident in overview.closed:
        held = f"signed commit {incident.commit[:12]}" if incident.commit else "the record is being committed"
        lines.append(f"  {incident.incident}  {incident.title}: {held}")
    return "\n".join(lines)


def _run(run: RunView) -> list[str]:
    """A playbook at work: the step it waits for, and what is not as it was sealed."""
    current = next((step for step in run.steps if step.current), None)
    next_step = "every step is done" if current is None else f"next: {current.title} [{current.key}]"
    lines = ["", f"playbook {run.playbook}, run {run.id}: {run.title} ({run.scope}); {next_step}"]
    for finding in run.findings:
        lines.append(f"  finding {finding.id}: {finding.table_name} {finding.row_key}: {finding.detail}")
        for field in finding.differs:
            lines.append(f"    {field.name:<20}{field.expected or '-':<34} now {field.found or '-'}")
    return lines


def status(
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until Ctrl-C, twice a second.")] = False,
) -> None:
    """Say what holds, what is stopped and what still works.

    Ages are judged now, by this machine's boot time: what is old, missing or unreadable is UNKNOWN.
    Exit code 0 when all holds, 1 when a rule is broken, 2 when something is not known.
    """
    with room(data) as control:
        if not follow:
            overview = control.overview()
            answer(overview.document(), as_json=as_json, text=render(overview))
            raise typer.Exit(_EXIT[overview.worst])
        _follow(control, as_json=as_json)


def _follow(control: ControlRoom, *, as_json: bool) -> None:
    clear = "\x1b[H\x1b[2J\x1b[3J" if sys.stdout.isatty() else ""
    try:
        while True:
            overview = control.overview()
            if as_json:
                say(json.dumps(overview.document(), default=str))
            else:
                sys.stdout.write(clear)
                say(f"{render(overview)}\n\nCtrl-C ends this.")
            sys.stdout.flush()
            time.sleep(_FOLLOW_SECONDS)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def check(
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
    full: Annotated[
        bool, typer.Option("--full", help="Have the watch check every row first, and wait for it.")
    ] = False,
) -> None:
    """Say whether every invariant holds: exit code 0 HOLDS, 1 BROKEN, 2 UNKNOWN."""
    with room(data) as control:
        if full:
            _full_pass(control, quiet=as_json)
        overview = control.overview()
        rows: list[dict[str, object]] = [
            {
                "invariant": view.invariant,
                "name": view.name,
                "continuous": view.verdict,
                "full": view.full_verdict,
            }
            for view in overview.verdicts
        ]
        words = [str(row["continuous"]) for row in rows] + (
            [str(row["full"]) for row in rows] if full else []
        )
        worst = "BROKEN" if "BROKEN" in words else "UNKNOWN" if "UNKNOWN" in words or not rows else "HOLDS"
        if worst == "HOLDS" and overview.problems:
            # A verdict of a moment ago, over books that nobody can read now, is worth nothing.
            worst = "UNKNOWN"
        answer(
            {"verdict": worst, "invariants": rows, "problems": overview.problems},
            as_json=as_json,
            text="\n".join(
                [
                    table(list(rows), ("invariant", "continuous", "full", "name")),
                    "",
                    *overview.problems,
                    worst,
                ]
            ),
        )
        raise typer.Exit(_EXIT[worst])


def _full_pass(control: ControlRoom, *, quiet: bool) -> None:
    number = control.ask_full_pass(reason="asked for at the command line")
    begun = control.clock.boot()
    shown = ""
    while True:
        found = passes.get(control.database, number)
        if found is not None and found.words != shown and not quiet:
            shown = found.words
            sys.stderr.write(f"\rfull pass: {shown:<40}")
            sys.stderr.flush()
        if found is not None and found.ended_at is not None:
            if not quiet:
                sys.stderr.write("\n")
            return
        age = control.clock.boot().seconds_since(begun)
        if age is None or age > _FULL_SECONDS_MAX:
            sys.stderr.write(
                "\nThe watch has not finished the pass. Is it running? See: watchkeeper status\n"
            )
            raise typer.Exit(2)
        time.sleep(0.1)


def journal(
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
    before: Annotated[int | None, typer.Option(help="Only numbers below this one.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many rows.")] = 20,
) -> None:
    """List the market's journal, the newest row first."""
    with room(data) as control:
        rows = control.journal_rows(before=before, limit=limit)
        shown: list[dict[str, object]] = [
            {
                "n": row["n"],
                "at": kampala(Instant(row["at"])) if isinstance(row["at"], int) else row["at"],
                "command": row["command"],
                "actor": row["actor"],
                "utid": row["utid"],
                "amount": row["amount_ugx"] or "",
                "subject": row["subject"] or "",
            }
            for row in rows
        ]
        columns = ("n", "at", "command", "actor", "utid", "amount", "subject")
        answer(shown, as_json=as_json, text=table(list(shown), columns))
