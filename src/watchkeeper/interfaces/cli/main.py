"""The commands, put together."""

from __future__ import annotations

import typer

from watchkeeper.interfaces.cli import (
    accounting,
    alerts,
    coverage,
    features,
    incidents,
    metrics,
    payments,
    playbook,
    reconciling,
    restrictions,
    seals,
    session,
    status,
    switches,
    threats,
)

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
app.command()(coverage.coverage)
app.command()(threats.threats)
app.command()(metrics.metrics)
app.command()(session.login)
app.command()(switches.switch)
app.command()(accounting.export)
app.command("statement")(accounting.show_statement)
app.command()(reconciling.reconcile)
app.command("rebuild-gate")(switches.rebuild_gate)
app.add_typer(alerts.alert_app, name="alert")
app.add_typer(restrictions.restrict_app, name="restrict")
app.add_typer(features.feature_app, name="feature")
app.add_typer(payments.payment_app, name="payment")
app.add_typer(playbook.playbook_app, name="playbook")
app.add_typer(incidents.incident_app, name="incident")
app.add_typer(seals.seal_app, name="seal")
