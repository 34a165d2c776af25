"""3.3 no admin sees a real identity: readings in which one was given names, or somebody of whom that must be supposed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.faults.model import QUERY, Fault, Stopped
from watchkeeper.market.commands import ChangeRole

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World

_READ = frozenset(["read"])
#: The longest and the shortest name of a query that can be stopped by its name, and one that is too long.
_LONGEST, _SHORTEST, _TOO_LONG = "q" * 64, "q", "q" * 65


def _read(actor: str, query: str) -> str:
    return (
        "INSERT INTO query_log (id, actor, query, fields, subjects, at) "
        f"SELECT max(id) + 1, '{actor}', '{query}', 'name phone', '{{farmer_alias}}', max(at) FROM query_log"
    )


def _read_as_somebody_else(world: World) -> None:
    """Names read by one who became an admin afterwards, and by one who had been an admin before."""
    bench = world.bench
    later, before = bench.person("buyer"), bench.person("admin")
    for reader, role, reads_first in ((later, "admin", True), (before, "farmer", False)):
        alias = world.alias_of(reader)
        for reads in (True, False):
            if reads is reads_first:
                bench.executor.notes.query(actor=alias, query="accounts", fields="name phone", subjects=alias)
                bench.executor.flush_notes()
            else:
                change = ChangeRole(account=alias, role=role, reason="a drill: another role, as it happens")
                bench.one(change, bench.market.admin.id)


FAULTS = (
    Fault(
        "names read by an admin",
        "3.3",
        (_read("{admin_alias}", "payouts"),),
        (Stopped("3.3", QUERY, _READ, key="payouts", findings=1),),
        before=_read_as_somebody_else,
    ),
    Fault(
        "names read by nobody whom one knows, in queries that have no name",
        "3.3",
        (
            _read("nobody", "payouts"),
            _read("adm_\N{LATIN SMALL LETTER A WITH RING ABOVE}", "payouts"),
            _read("{admin_alias}", _LONGEST),
            _read("{admin_alias}", _SHORTEST),
            _read("{admin_alias}", _TOO_LONG),
            _read("{admin_alias}", ""),
        ),
        (
            Stopped("3.3", QUERY, _READ, key="payouts", findings=2),
            Stopped("3.3", QUERY, _READ, key=_LONGEST, findings=1),
            Stopped("3.3", QUERY, _READ, key=_SHORTEST, findings=1),
            Stopped("3.3", QUERY, _READ, key="unknown", findings=2),
        ),
    ),
)
