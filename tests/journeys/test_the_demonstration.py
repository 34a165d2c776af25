"""`./run --demo`, fast: the people in it do all that people do on a market, and the watch finds nothing and tells nobody."""

from __future__ import annotations

import inspect
from pathlib import Path

from tests.waiting import until
from tests.worlds.system import System
from watchkeeper.bootstrap.demo.acts import KINDS
from watchkeeper.market import commands
from watchkeeper.market.commands import Command, Cure
from watchkeeper.market.reading import open_books, system_id_of

#: Nobody can do this on the first day: it is for a purchase that nobody came for in two days.
NOT_TODAY = {"purchases expired"}
COMMANDS = {
    command
    for _, command in inspect.getmembers(commands, inspect.isclass)
    if issubclass(command, Command) and not issubclass(command, Cure) and hasattr(command, "name")
}
#: Its command, what the system does after a day, and what is the operator's, who sits in front of the terminal.
NOT_PLAYED = {"purchase_expiry", "storage_fee", "expire_offer"} | {
    command.name for command in COMMANDS if command.roles == frozenset({"operator"})
}


def test_the_demonstration_plays_every_kind_of_act_and_raises_no_alarm(tmp_path: Path) -> None:
    system = System(tmp_path / "data", options=("--demo", "--speed", "20"))
    names = {kind.name for kind in KINDS} - NOT_TODAY
    try:
        system.start()

        def missing() -> list[str]:
            counted = [line for line in system.lines if line.lstrip().startswith("so far: ")]
            return [name for name in names if not counted or f" {name}" not in counted[-1]]

        try:
            until(lambda: not missing(), seconds=300, what="everything was done at least once")
        except AssertionError as error:
            error.add_note(f"never done: {missing()}; {system.lines[-1]}")
            raise
        books = open_books(system.data, system_id=system_id_of(system.data))
        try:
            played = {str(row[0]) for row in books.query("SELECT DISTINCT command FROM journal")}
        finally:
            books.close()
        assert {command.name for command in COMMANDS} - played == NOT_PLAYED
        assert "HOLDS" in system.command("status")
        assert system.store("SELECT * FROM findings") == []
        assert system.store("SELECT * FROM alerts") == []
    finally:
        system.stop()
