"""The commands, put together."""

from __future__ import annotations

import typer

from watchkeeper.interfaces.cli import acts, playbook, records, status

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    help=(
        "The control room at the command line. It works on the files of the data folder, so it works with the web "
        "down. Reading needs nothing; acting needs `watchkeeper login`."
    ),
)
app.command()(status.status)
app.command()(status.check)
app.command()(status.journal)
app.command()(acts.login)
app.command()(acts.switch)
app.command("rebuild-gate")(acts.rebuild_gate)
app.add_typer(acts.alert_app, name="alert")
app.add_typer(acts.restrict_app, name="restrict")
app.add_typer(playbook.playbook_app, name="playbook")
app.add_typer(acts.incident_app, name="incident")
app.add_typer(records.seal_app, name="seal")
