"""The policy knows every command that can stand in the journal, and no other."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.boundary.views import EFFECTS
from watchkeeper.market.commands import Command
from watchkeeper.market.setup import SetUp
from watchkeeper.operation import authority
from watchkeeper.operation.catalogue.policy import PEOPLE, POLICIES, REVERSING


def kinds(kind: type[Command]) -> Iterator[type[Command]]:
    """Commands that have a name; a dataclass with slots is made twice, and both are somebody's subclass."""
    if "name" in vars(kind):
        yield kind
    for child in kind.__subclasses__():
        yield from kinds(child)


def test_every_command_of_the_market_has_its_line() -> None:
    assert SetUp.name == "set_up"
    assert {kind.name for kind in kinds(Command)} == POLICIES.keys()


def test_a_line_names_roles_tables_and_entries_that_there_are() -> None:
    tables = {view.table: frozenset(view.columns) for view in EFFECTS}
    for name, policy in POLICIES.items():
        assert policy.roles <= PEOPLE, name
        assert policy.roles or policy.by_itself, name
        assert policy.tables <= tables.keys(), name
        assert all(table in policy.tables and column in tables[table] for table, column in policy.own.items())
        assert all(entry in authority.REGISTER for entry in policy.by_itself), name
        assert policy.needs_reason or not policy.admin_action, name
    assert POLICIES.keys() >= REVERSING


def test_the_register_names_each_entry_once() -> None:
    assert len({entry.id for entry in authority.REGISTER}) == len(authority.REGISTER)
    assert all(entry.limit and entry.undone_by for entry in authority.REGISTER)


def test_what_the_system_does_by_itself_cites_its_entry() -> None:
    """By the class of the command; the journal's row has it as its reason."""
    cited = {kind.name: kind.by_authority for kind in kinds(Command) if kind.by_authority}
    alone = {
        name: policy.by_itself for name, policy in POLICIES.items() if not policy.roles and name != "set_up"
    }
    assert cited == {name: entries[0].id for name, entries in alone.items()}
    assert all(len(entries) == 1 for entries in alone.values())
