"""`incident`: list, show, close, analyse; and the check of a clone, with the public key alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.base.clock import kampala
from watchkeeper.interfaces.cli.shared import DEFAULT_DATA, AsJson, Data, actor, answer, room, table
from watchkeeper.operation.incidents import cases
from watchkeeper.operation.incidents import life as incidents
from watchkeeper.operation.incidents import verify as records
from watchkeeper.operation.incidents.cases import Conclusion

incident_app = typer.Typer(
    no_args_is_help=True, help="Incident records: list, show, close, analyse, and verify a clone elsewhere."
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


@incident_app.command("verify")
def incident_verify(
    folder: Annotated[Path, typer.Argument(help="A clone of the incident repository.")],
    key: Annotated[
        Path | None,
        typer.Option(
            help="The public key from elsewhere, keys/incidents.pub; the clone's own when left out."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a clone of the incident records: every signature, one line of history, nothing rewritten."""
    try:
        signers = (key or folder / "allowed_signers").read_text(encoding="ascii")
        report = records.verify_repository(folder, signers)
    except (records.NotAnIncidentRepository, ValueError, OSError) as error:
        answer({"sound": False, "problems": [str(error)]}, as_json=as_json, text=f"NOT SOUND: {error}")
        raise typer.Exit(1) from error
    problems = [f"{problem.commit[:10]} {problem.path}: {problem.says}" for problem in report.problems]
    text = f"{'sound' if report.sound else 'NOT SOUND'}: {report.commits} commits, {len(report.incidents)} incidents"
    answer(
        {
            "sound": report.sound,
            "commits": report.commits,
            "incidents": len(report.incidents),
            "problems": problems,
        },
        as_json=as_json,
        text="\n".join([text, *problems]),
    )
    raise typer.Exit(0 if report.sound else 1)
