"""`switch` and `rebuild-gate`: what stops as one."""

from __future__ import annotations

from typing import Annotated

import typer

from watchkeeper.boundary.gate import Hold, Switch
from watchkeeper.interfaces.cli.shared import DEFAULT_DATA, AsJson, Code, Data, Reason, actor, answer, room
from watchkeeper.market.switching import described


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
