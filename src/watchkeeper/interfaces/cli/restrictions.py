"""`restrict`: list, impose by hand, lift what was imposed by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from watchkeeper.boundary.gate import OperationClass, Scope
from watchkeeper.interfaces.cli.shared import (
    DEFAULT_DATA,
    AsJson,
    Code,
    Data,
    Reason,
    actor,
    answer,
    room,
    table,
)
from watchkeeper.operation.containment import imposing

restrict_app = typer.Typer(no_args_is_help=True, help="Restrictions: list, impose by hand, lift your own.")


@restrict_app.command("list")
def restrict_list(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """List what is restricted now, and why."""
    with room(data) as control:
        rows: list[dict[str, object]] = [
            {
                "id": view.id,
                "rule": view.rule,
                "scope": str(view.scope),
                "cause": view.cause,
                "evidence": view.evidence_seq,
                "classes": " ".join(sorted(view.classes)),
                "reason": view.reason,
            }
            for view in imposing.active(control.gatefile)
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
