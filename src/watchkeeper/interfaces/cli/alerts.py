"""`alert`: list, acknowledge, resolve, declare."""

from __future__ import annotations

from typing import Annotated

import typer

from watchkeeper.base.clock import kampala
from watchkeeper.interfaces.cli.shared import DEFAULT_DATA, AsJson, Data, Reason, actor, answer, room, table
from watchkeeper.operation.alerts import life as alerts

alert_app = typer.Typer(no_args_is_help=True, help="Alerts: list, acknowledge, resolve, declare.")


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
