"""`login`: who acts at this command line."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from watchkeeper.interfaces.cli.shared import DEFAULT_DATA, Data, keep_token, room, say
from watchkeeper.market.signin.sign_in import HOST
from watchkeeper.operation.playbooks.deskwork import DeskRefused

#: The variable that may hold the password.
_VARIABLE = "WATCHKEEPER_PASSWORD"


def login(
    alias: Annotated[str, typer.Option(prompt=True, help="Your alias, opr_...")],
    data: Data = DEFAULT_DATA,
    code: Annotated[
        str, typer.Option(prompt="Six digits", help="Of your second factor, or a recovery code.")
    ] = "",
) -> None:
    """Sign in as the operator for the commands that follow.

    Nobody acts here as whoever is root: a session of your own is kept in the data folder, for you alone, and ends
    after an hour without use. The password is asked for, or taken from WATCHKEEPER_VARIABLE; never from the command's
    own arguments, which every user of the machine can read.
    """
    password = os.environ.get(_VARIABLE) or str(typer.prompt("Password", hide_input=True, err=True))
    with room(data) as control:
        token, user = control.gatekeeper.sign_in(
            alias=alias, password=password, code=code.replace(" ", ""), address=HOST
        )
        if user.role != "operator":
            raise DeskRefused("not-authorized", "Only the operator works at this command line.")
        keep_token(data, token)
        say(f"Signed in as {user.alias}.")
