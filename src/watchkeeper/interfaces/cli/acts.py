"""`login`, `alert`, `restrict`, `switch`, `incident`: what the operator does."""

from __future__ import annotations

from typing import Annotated

import typer

from watchkeeper.base.clock import kampala
from watchkeeper.boundary.gate import Hold, OperationClass, Scope, Switch
from watchkeeper.interfaces.cli.shared import (
    DEFAULT_DATA,
    AsJson,
    Code,
    Data,
    Reason,
    actor,
    answer,
    keep_token,
    room,
    say,
    table,
)
from watchkeeper.market.switching import described
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.incidents import cases
from watchkeeper.operation.incidents import life as incidents
from watchkeeper.operation.incidents.cases import Conclusion
from watchkeeper.operation.playbooks.deskwork import DeskRefused

alert_app = typer.Typer(no_args_is_help=True, help="Alerts: list, acknowledge, resolve, declare.")
restrict_app = typer.Typer(no_args_is_help=True, help="Restrictions: list, impose by hand, lift your own.")
incident_app = typer.Typer(no_args_is_help=True, help="Incident records: list, show, close, analyse.")


def login(
    alias: Annotated[str, typer.Option(prompt=True, help="Your alias, opr_...")],
    data: Data = DEFAULT_DATA,
    password: Annotated[
        str,
        typer.Option(
            prompt=True, hide_input=True, envvar="WATCHKEEPER_PASSWORD", help="Asked for when missing."
        ),
    ] = "",
    code: Annotated[
        str, typer.Option(prompt="Six digits", help="Of your second factor, or a recovery code.")
    ] = "",
) -> None:
    """Sign in as the operator for the commands that follow.

    Nobody acts here as whoever is root: a session of your own is kept in the data folder, for you alone, and ends
    after an hour without use.
    """
    with room(data) as control:
        token, user = control.gatekeeper.sign_in(
            alias=alias, password=password, code=code.replace(" ", ""), address="host"
        )
        if user.role != "operator":
            raise DeskRefused("not-authorized", "Only the operator works at this command line.")
        keep_token(data, token)
        say(f"Signed in as {user.alias}.")


@alert_app.command("list")
def alert_list(
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
) -> None:
    """List alerts, the most severe first."""
    with room(data) as control:
        rows: list[dict[str, object]] = [
            {
                "id": alert.id,
                "severity": alert.severity,
                "state": alert.state,
                "condition": alert.condition,
                "scope": alert.scope,
                "raised": kampala(alert.raised_at),
                "title": alert.title,
            }
            for alert in alerts.listed(control.database, with_resolved=everything)
        ]
        columns = ("id", "severity", "state", "condition", "scope", "raised", "title")
        answer(rows, as_json=as_json, text=table(list(rows), columns))


@alert_app.command("ack")
def alert_ack(
    number: int,
    next_step: Annotated[str, typer.Option("--next", help="What you do next.")],
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Acknowledge an alert. It counts for a time that the severity sets, and lapses when the evidence gets worse."""
    with room(data) as control:
        alert = control.acknowledge_alert(
            actor(control, data, code="", fresh=False), number, next_step=next_step
        )
        answer(
            {"alert": alert.id, "state": alert.state},
            as_json=as_json,
            text=f"Alert {number} is acknowledged.",
        )


@alert_app.command("resolve")
def alert_resolve(number: int, reason: Reason, data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """End an alert whose cause is gone. Alerts of rules end with their playbook."""
    with room(data) as control:
        control.resolve_alert(actor(control, data, code="", fresh=False), number, reason=reason)
        answer({"alert": number, "state": "resolved"}, as_json=as_json, text=f"Alert {number} is resolved.")


@alert_app.command("declare")
def alert_declare(
    title: str,
    detail: Annotated[str, typer.Option(help="What you see.")],
    severity: Annotated[str, typer.Option(help="critical, high, medium or low.")] = "high",
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Raise an alert by hand: what no check sees is an alert all the same."""
    if severity not in alerts.SEVERITIES:
        raise typer.BadParameter(f"severity is one of {', '.join(alerts.SEVERITIES)}")
    with room(data) as control:
        alert = control.declare_alert(
            actor(control, data, code="", fresh=False), title=title, detail=detail, severity=severity
        )
        answer({"alert": alert.id}, as_json=as_json, text=f"Alert {alert.id} is raised.")


@restrict_app.command("list")
def restrict_list(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """List what is restricted now, and why."""
    with room(data) as control:
        rows: list[dict[str, object]] = [
            {
                "id": view.id,
                "rule": view.rule,
                "scope": view.scope,
                "cause": view.cause,
                "evidence": view.evidence_seq,
                "classes": " ".join(view.classes),
                "reason": view.reason,
            }
            for view in control.overview().restrictions
        ]
        columns = ("id", "rule", "scope", "cause", "evidence", "classes", "reason")
        answer(rows, as_json=as_json, text=table(list(rows), columns))


@restrict_app.command("impose")
def restrict_impose(
    scope: str,
    classes: Annotated[list[str], typer.Argument(help="Operation classes: deposit lock listing ...")],
    reason: Reason,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Stop some classes of operation within a scope: everything, account:ALIAS or unit:NUMBER.

    In force for every commit after the answer. Undo it with `restrict lift`.
    """
    try:
        wanted = frozenset(OperationClass(name) for name in classes)
        covered = Scope.parse(scope)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    with room(data) as control:
        restriction = control.impose(
            actor(control, data, code="", fresh=False), scope=covered, classes=wanted, reason=reason
        )
        answer(
            {"restriction": restriction.id},
            as_json=as_json,
            text=f"Restriction {restriction.id} is in force.",
        )


@restrict_app.command("lift")
def restrict_lift(
    number: int, reason: Reason, code: Code = "", data: Data = DEFAULT_DATA, as_json: AsJson = False
) -> None:
    """Lift a restriction of your own. What stands for a finding is lifted by its playbook, after the cure."""
    with room(data) as control:
        control.lift(actor(control, data, code=code, fresh=True), number, reason=reason)
        answer(
            {"restriction": number, "lifted": True}, as_json=as_json, text=f"Restriction {number} is lifted."
        )


def switch(
    name: Annotated[str, typer.Argument(help="pilot_mode, purchase_window or shutdown")],
    action: Annotated[str, typer.Argument(help="engage or release")],
    reason: Reason,
    hold: Annotated[str, typer.Option(help="Whose hold to release: admin, operator, safe_state.")] = "",
    code: Code = "",
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Flip a switch; in force for every commit after the answer.

    Works with everything else down. With even this gone, put a file named STOP into the data folder: that is shutdown.
    """
    try:
        wanted, whose = Switch(name), Hold(hold) if hold else None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    with room(data) as control:
        flip = control.flip(
            actor(control, data, code=code, fresh=action == "release"),
            switch=wanted,
            action=action,
            reason=reason,
            hold=whose,
        )
        state = "engaged" if flip.engaged_after else "off"
        answer(described(flip), as_json=as_json, text=f"{name} is {state}, in force ({flip.utid}).")


def rebuild_gate(
    reason: Reason,
    code: Code = "",
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Make the gate anew after its file was lost, damaged or put back from an old copy.

    While the gate cannot be read everything stands still. The new one has every flip that the journal knows of, and every
    switch engaged: release them one by one once you know what happened. The lost file stays beside it.
    """
    with room(data) as control:
        flips = control.rebuild_gate(actor(control, data, code=code, fresh=True), reason=reason)
        answer(
            [described(flip) for flip in flips],
            as_json=as_json,
            text="The gate is made anew; every switch is engaged by your hold. Release them with: watchkeeper switch",
        )


@incident_app.command("list")
def incident_list(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """List incidents, the newest first."""
    with room(data) as control:
        rows: list[dict[str, object]] = [
            {
                "id": incident.id,
                "severity": incident.severity,
                "state": "closed" if incident.closed_at else "open",
                "opened": kampala(incident.opened_at),
                "title": incident.title,
            }
            for incident in incidents.listed(control.database)
        ]
        answer(rows, as_json=as_json, text=table(list(rows), ("id", "severity", "state", "opened", "title")))


@incident_app.command("show")
def incident_show(incident: str, data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Show an incident's files and the commits that hold them."""
    with room(data) as control:
        incidents.get(control.database, incident)
        files = cases.texts(control.database, incident)
        documents = [{"name": name, "commit": commit, "text": text} for name, text, commit in files]
        text = "\n\n".join(f"{name}  (commit {commit or 'waits'})\n\n{body}" for name, body, commit in files)
        answer(documents, as_json=as_json, text=text)


@incident_app.command("close")
def incident_close(
    incident: str,
    cause: Annotated[str, typer.Option(help="What truly caused it.")],
    resolution: Annotated[str, typer.Option(help="What ended it.")],
    prevention: Annotated[str, typer.Option(help="What prevents the next one.")],
    response: Annotated[str, typer.Option(help="What was done meanwhile.")] = "",
    analysis: Annotated[
        str, typer.Option(help="From the end backwards; a critical incident needs one.")
    ] = "",
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Close an incident; refused while one of its alerts is open."""
    with room(data) as control:
        closed = control.close_incident(
            actor(control, data, code="", fresh=False),
            incident,
            conclusion=Conclusion(
                cause=cause,
                response=response,
                resolution=resolution,
                prevention=prevention,
                analysis=analysis,
            ),
        )
        answer({"incident": closed.id, "closed": True}, as_json=as_json, text=f"{closed.id} is closed.")


@incident_app.command("analyse")
def incident_analyse(
    incident: str,
    text: Annotated[str, typer.Option(help="The analysis; a later one supersedes it, both stay.")],
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Add an analysis to an incident."""
    with room(data) as control:
        name = control.analyse(actor(control, data, code="", fresh=False), incident, text=text)
        answer({"incident": incident, "file": name}, as_json=as_json, text=f"{incident}/{name} is written.")
