"""`playbook`: the way from an alert to a proven cure, step by step."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from watchkeeper.base.clock import kampala
from watchkeeper.interfaces.cli.payments import predicted_text
from watchkeeper.interfaces.cli.shared import (
    DEFAULT_DATA,
    AsJson,
    Code,
    Data,
    Reason,
    actor,
    answer,
    room,
    say,
    table,
)
from watchkeeper.interfaces.control_room import ControlRoom
from watchkeeper.operation.incidents.cases import Conclusion
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.verifier import findings, standing

playbook_app = typer.Typer(
    no_args_is_help=True,
    help="Playbooks: list the open ones, show one, and take its steps in order. Cures and lifts need a fresh second factor.",
)
Run = Annotated[int, typer.Argument(help="The number of the run, from `playbook list`.")]
FindingNumber = Annotated[int, typer.Argument(help="The number of the finding, from `playbook show`.")]


@playbook_app.command("list")
def list_(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """List open playbooks and the step that each waits at."""
    with room(data) as control:
        rows: list[dict[str, object]] = []
        for run in runs.listed(control.database):
            waiting = [
                s for s in runs.steps(control.database, run) if not s.done and s.step.kind == "required"
            ]
            rows.append(
                {
                    "run": run.id,
                    "playbook": run.playbook,
                    "rule": run.rule,
                    "scope": run.scope,
                    "next": waiting[0].step.key if waiting else "done",
                    "title": run.definition.title,
                }
            )
        answer(
            rows,
            as_json=as_json,
            text=table(list(rows), ("run", "playbook", "rule", "scope", "next", "title")),
        )


@playbook_app.command("show")
def show(run: Run, data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Show a playbook: its steps, and each finding with the original beside what stands there."""
    with room(data) as control:
        found = runs.get(control.database, run)
        states = runs.steps(control.database, found)
        open_ones = findings.open_findings(control.database, invariant=found.rule, scope=found.scope)
        context = control.desk.look()
        lines = [f"Playbook {found.playbook}: {found.definition.title} ({found.rule}, {found.scope})", ""]
        for state in states:
            mark = "x" if state.done else " "
            when = f"  {state.by}, {kampala(state.at)}" if state.at is not None else ""
            lines.append(f"[{mark}] {state.step.key:<14}{state.step.title}{when}")
        documents: list[dict[str, object]] = []
        for finding in open_ones:
            now = standing.of(context, finding)
            lines += [
                "",
                f"finding {finding.id}: {finding.detail}",
                f"  expected  {finding.expected or '(nothing)'}",
                f"  found     {finding.found or '(nothing)'}",
                f"  now       {now.detail}",
            ]
            documents.append(
                {
                    "finding": finding.id,
                    "kind": finding.kind,
                    "expected": finding.expected,
                    "found": finding.found,
                    "now": now.detail,
                    "can_be_repaired": finding.sealed_index is not None,
                }
            )
        positions = control.desk.positions(run)
        lines += [f"  position {p.utid}  {p.amount_ugx:,} UGX  {p.state}" for p in positions]
        document = {
            "run": run,
            "steps": [{"key": s.step.key, "state": s.state} for s in states],
            "findings": documents,
            "positions": [asdict(p) for p in positions],
        }
        answer(document, as_json=as_json, text="\n".join(lines))


@playbook_app.command("conclude")
def conclude(run: Run, step: str, text: str, data: Data = DEFAULT_DATA) -> None:
    """Keep what you found at a step that asks for it; the findings as they are now are its evidence."""
    with room(data) as control:
        operator = actor(control, data, code="", fresh=False).operator
        control.desk.conclude(run, step, text=text, operator=operator)
        say("Kept.")


@playbook_app.command("repair")
def repair(
    run: Run, finding: FindingNumber, reason: Reason, code: Code = "", data: Data = DEFAULT_DATA
) -> None:
    """Put the sealed bytes of a finding's rows back."""
    with room(data) as control:
        operator = actor(control, data, code=code, fresh=True).operator
        receipts = control.desk.repair(
            run, finding, incident=control.incident_of_run(run), reason=reason, operator=operator
        )
        say(f"Repaired ({receipts[0].utid})." if receipts else "It had been put back already.")


@playbook_app.command("acknowledge")
def acknowledge(
    run: Run, finding: FindingNumber, reason: Reason, code: Code = "", data: Data = DEFAULT_DATA
) -> None:
    """Let a wrong row that truly happened stand; what it brought is booked to suspense."""
    with room(data) as control:
        operator = actor(control, data, code=code, fresh=True).operator
        control.desk.acknowledge(
            run, finding, incident=control.incident_of_run(run), reason=reason, operator=operator
        )
        say("Acknowledged.")


@playbook_app.command("correct")
def correct(
    run: Run,
    account: str,
    bucket: Annotated[str, typer.Argument(help="capital, locked, profit or earnings")],
    amount: Annotated[int, typer.Argument(help="UGX, with its sign; for a negative one put -- before it")],
    reason: Reason,
    predicted: Annotated[
        int | None,
        typer.Option(help="The balance afterwards; left out, the prediction is shown and nothing done."),
    ] = None,
    code: Code = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Move a balance against suspense; the predicted result has to be named."""
    with room(data) as control:
        if predicted is None:
            found = control.desk.predict(account=account, bucket=bucket, amount_ugx=amount)
            say(predicted_text(found, account=account, bucket=bucket))
            return
        operator = actor(control, data, code=code, fresh=True).operator
        receipt = control.desk.correct(
            run,
            account=account,
            bucket=bucket,
            amount_ugx=amount,
            predicted=predicted,
            incident=control.incident_of_run(run),
            reason=reason,
            operator=operator,
        )
        say(f"Corrected, as predicted ({receipt.utid}).")


@playbook_app.command("unrecovered")
def unrecovered_list(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """List what corrections could not take and nobody has waived, the oldest first."""
    with room(data) as control:
        rows = [asdict(one) for one in control.unrecovered()]
        answer(
            rows,
            as_json=as_json,
            text=table(list(rows), ("utid", "account", "amount_ugx", "finding", "incident")),
        )


@playbook_app.command("waive")
def waive(
    correction: Annotated[str, typer.Argument(help="The correction's UTID, from `playbook unrecovered`.")],
    reason: Reason,
    code: Code = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Give up what a correction could not take. It is shown no more, and stays in the journal."""
    with room(data) as control:
        operator = actor(control, data, code=code, fresh=True).operator
        receipt = control.desk.waive(correction, reason=reason, operator=operator)
        say(f"Waived ({receipt.utid}).")


@playbook_app.command("unwind")
def unwind(run: Run, position: str, reason: Reason, code: Code = "", data: Data = DEFAULT_DATA) -> None:
    """End an open position: recorded as cancelled, its exact amount given back."""
    with room(data) as control:
        operator = actor(control, data, code=code, fresh=True).operator
        control.desk.unwind(
            run,
            position_utid=position,
            incident=control.incident_of_run(run),
            reason=reason,
            operator=operator,
        )
        say("Ended.")


@playbook_app.command("restore-state")
def restore_state(
    run: Run, finding: FindingNumber, reason: Reason, code: Code = "", data: Data = DEFAULT_DATA
) -> None:
    """Set the state that a finding names to what its rows give; an account's sessions end with it."""
    with room(data) as control:
        operator = actor(control, data, code=code, fresh=True).operator
        receipts = control.desk.restore_state(
            run, finding, incident=control.incident_of_run(run), reason=reason, operator=operator
        )
        say(f"Restored ({receipts[0].utid})." if receipts else "It had been restored already.")


@playbook_app.command("restore-defences")
def restore_defences(
    run: Run, reason: Reason, step: str = "defences", code: Code = "", data: Data = DEFAULT_DATA
) -> None:
    """Put triggers, views and indexes back as the migrations made them."""
    with room(data) as control:
        operator = actor(control, data, code=code, fresh=True).operator
        receipt = control.desk.restore_defences(
            run, step, incident=control.incident_of_run(run), reason=reason, operator=operator
        )
        say(f"Restored: {receipt.answer.get('changed')}")


@playbook_app.command("probe")
def probe(run: Run, step: str = "probe", data: Data = DEFAULT_DATA) -> None:
    """Send a command through each switch that must refuse it; it never commits."""
    with room(data) as control:
        operator = actor(control, data, code="", fresh=False).operator
        control.desk.probe(run, step, operator=operator)
        say("Every switch bites.")


@playbook_app.command("verify")
def verify(run: Run, step: str = "verify", data: Data = DEFAULT_DATA) -> None:
    """Run the same check again on the affected scope."""
    with room(data) as control:
        operator = actor(control, data, code="", fresh=False).operator
        control.desk.verify(run, step, operator=operator)
        say("The check holds.")


@playbook_app.command("lift")
def lift(run: Run, reason: Reason, step: str = "lift", code: Code = "", data: Data = DEFAULT_DATA) -> None:
    """Lift the restriction, after the same check holds."""
    with room(data) as control:
        operator = actor(control, data, code=code, fresh=True).operator
        control.desk.lift(run, step, reason=reason, operator=operator)
        say("Lifted.")


@playbook_app.command("override")
def override(run: Run, step: str, reason: Reason, code: Code = "", data: Data = DEFAULT_DATA) -> None:
    """Go past a step that is not done. It stays on record, and an alert until the check holds."""
    with room(data) as control:
        operator = actor(control, data, code=code, fresh=True).operator
        control.desk.override(run, step, reason=reason, operator=operator)
        say("Overridden.")


@playbook_app.command("document")
def document(
    run: Run,
    cause: Annotated[str, typer.Option(help="What truly caused it.")],
    resolution: Annotated[str, typer.Option(help="What ended it.")],
    prevention: Annotated[str, typer.Option(help="What prevents the next one.")],
    response: Annotated[str, typer.Option(help="What was done meanwhile.")] = "",
    analysis: Annotated[
        str, typer.Option(help="From the end backwards; a critical incident needs one.")
    ] = "",
    step: str = "document",
    data: Data = DEFAULT_DATA,
) -> None:
    """Close the incident and end the playbook."""
    with room(data) as control:
        conclusion = Conclusion(
            cause=cause,
            response=response,
            resolution=resolution,
            prevention=prevention,
            analysis=analysis,
        )
        incident = _documented(control, data, run, step, conclusion)
        say(f"{incident} is documented.")


def _documented(control: ControlRoom, data: Data, run: int, step: str, conclusion: Conclusion) -> str:
    found = actor(control, data, code="", fresh=False)
    return control.document(found, run, step, conclusion=conclusion)
