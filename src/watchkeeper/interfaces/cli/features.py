"""`feature`: what the market can do, feature by feature, and turning one off or on as a whole."""

from __future__ import annotations

from typing import Annotated

import typer

from watchkeeper.base.clock import iso
from watchkeeper.boundary.features import Feature, NoSuchFeature, named
from watchkeeper.boundary.turning import FeatureState
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

Name = Annotated[str, typer.Argument(help="One of `watchkeeper feature list`, for example purchase.")]

feature_app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Features of the market, each all on or all off. Off refuses all its commands with feature-off and rests what the "
        "market does for it by itself; everything else goes on, and nothing in the books changes."
    ),
)


def _document(found: FeatureState) -> dict[str, object]:
    turned = found.turned
    return {
        "feature": found.feature.name,
        "state": found.state,
        "as_turned": found.as_turned,
        "commands": list(found.feature.commands),
        "refused": list(found.refused),
        "jobs": list(found.feature.jobs),
        "views": list(found.feature.views),
        "checks": list(found.feature.checks),
        "turned_by": None if turned is None else turned.actor,
        "turned_at": None if turned is None else iso(turned.at),
        "reason": None if turned is None else turned.reason,
    }


@feature_app.command("list")
def feature_list(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """List every feature: on, off, or half on, which nobody may leave so.

    AS_TURNED is no where the gate says something else than the operator last made of it: somebody changed it past this
    command. Turn that feature on or off to make it whole; its playbook is 13.
    """
    with room(data) as control:
        found = [_document(state) for state in control.features()]
        rows = [
            row
            | {
                "as_turned": "yes" if row["as_turned"] else "no",
                "commands": " ".join(map(str, _names(row["commands"]))),
            }
            for row in found
        ]
        columns = ("feature", "state", "as_turned", "commands")
        answer(found, as_json=as_json, text=table(list(rows), columns))


@feature_app.command("off")
def feature_off(
    name: Name, reason: Reason, code: Code = "", data: Data = DEFAULT_DATA, as_json: AsJson = False
) -> None:
    """Refuse all commands of a feature from the next commit on.

    What is begun stays as it is: a purchase that waits for its pickup waits on. Turning off what is off changes nothing.
    Example: watchkeeper feature off purchase --reason "the scale at the store is broken"
    """
    _turn(name, on=False, reason=reason, code=code, data=data, as_json=as_json)


@feature_app.command("on")
def feature_on(
    name: Name, reason: Reason, code: Code = "", data: Data = DEFAULT_DATA, as_json: AsJson = False
) -> None:
    """Let all commands of a feature pass again; needs a fresh second factor.

    Switches, the lease and restrictions have their say as before. What the market does by itself is caught up.
    """
    _turn(name, on=True, reason=reason, code=code, data=data, as_json=as_json)


def _named(name: str) -> Feature:
    try:
        return named(name)
    except NoSuchFeature as error:
        raise typer.BadParameter(str(error)) from error


def _turn(name: str, *, on: bool, reason: str, code: str, data: Data, as_json: bool) -> None:
    feature = _named(name)
    with room(data) as control:
        acting = actor(control, data, code=code, fresh=on)
        turned = control.turn_feature(acting, feature=feature, on=on, reason=reason)
        state = "on" if on else "off"
        answer(
            {"feature": feature.name, "state": state, "changed": turned is not None},
            as_json=as_json,
            text=(
                f"{feature.name} is {state} already; nothing was changed."
                if turned is None
                else f"{feature.name} is {state}, in force: {', '.join(feature.commands)}."
            ),
        )


def _names(value: object) -> list[object]:
    return value if isinstance(value, list) else []
