"""What a fault is made of: its steps, what it must make stop, and for whom.

A step is a statement in SQL for the books, `Sql` for another store or another login, or a function of the drill's world.
Statements that follow each other become one transaction of a process that is none of ours. Placeholders name people and
things of the drill's own market: `business.py` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from watchkeeper.base.database import Engine, Store

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World
    from watchkeeper.operation.playbooks.runs import Run

#: What comes before an SQL expression of a UTID: the digest of all effect rows that carry it is worked out, as a forger
#: would who knows how canonical bytes are made.
DIGEST_OF = "@digest of "
#: Where that digest stands in the statements that follow.
DIGEST = "DIGEST-OF-THE-ROWS"
#: What comes before a trigger's name: it is taken away first, each engine in its own words.
WITHOUT = "@without "
#: The same trigger is put back as it was, in the same transaction: afterwards the schema says nothing.
PUT_BACK = "@put back "

EVERYTHING = "everything"
ACCOUNT = "account"
UNIT = "unit"
COMMAND = "command"
QUERY = "query"
#: What a scope's key is when a stop does not say: the wronged trader, the unit that they hold.
_KEYS = {ACCOUNT: "{alias}", UNIT: "{unit}"}


@dataclass(frozen=True, slots=True)
class Sql:
    """Statements for one store, as the owner of the database."""

    statements: tuple[str, ...]
    store: Store | Literal["operation"] = "market"


Step: TypeAlias = "str | Sql | Callable[[World], None]"


@dataclass(frozen=True, slots=True)
class Stopped:
    """A restriction that must be there: by which rule, on which scope, which classes.

    `key` says whose account, which unit, command or query; placeholders are filled in. Without one it is the wronged
    trader's.

    `seen` says by which look: at what is `new`, as the next continuous pass does; at the `whole`, as every full pass does
    while the fault stands, whatever hint an engine gives before; by `both`; or by the full pass of the `hour` and nothing
    that comes by sooner. `findings` says how many, where a fault breaks the rule in several ways. `says` is what one of them
    expected and what it found, in canonical JSON.
    """

    rule: str
    scope: str
    classes: frozenset[str]
    key: str = ""
    seen: Literal["both", "new", "whole", "hour"] = "both"
    findings: int | None = None
    says: tuple[str, str] | None = None

    def place(self, names: Mapping[str, object]) -> str:
        """The scope as the gate writes it."""
        if self.scope == EVERYTHING:
            return EVERYTHING
        return f"{self.scope}:{(self.key or _KEYS[self.scope]).format(**names)}"


@dataclass(frozen=True, slots=True)
class Fault:
    """A sabotage: its steps, the invariant that must see it, and all that stops for it, no more and no less."""

    name: str
    proves: str
    steps: tuple[Step, ...]
    stops: tuple[Stopped, ...]
    #: Whether pilot mode is on while it is made; an admin releases it after the cure.
    pilot_mode: bool = False
    #: Business right before it, which nothing may be found in.
    before: Callable[[World], None] | None = None
    #: Conditions of alerts that must be raised, when they are not the rules that it breaks.
    alerts: frozenset[str] | None = None
    #: How one run's findings are cured, when it is not what its playbook's steps do by the findings' kinds.
    cure: Callable[[World, Run], None] | None = None
    #: Rules of which a full pass says nothing while the fault stands, because rows that they read are not as they were sealed.
    unsaid: frozenset[str] = frozenset()
    #: Kinds of findings that need no cure: what is found is settled by its being found.
    settled: frozenset[str] = frozenset()
    #: Names of tries (`tries.py`) that this fault makes impossible by itself, restricted or not.
    spoils: frozenset[str] = frozenset()

    @property
    def breaks(self) -> frozenset[str]:
        """The invariants that this rightly breaks."""
        return frozenset(stopped.rule for stopped in self.stops)

    @property
    def conditions(self) -> frozenset[str]:
        """The alerts that it must raise."""
        return self.breaks if self.alerts is None else self.alerts

    @property
    def statements(self) -> tuple[str, ...]:
        """Its plain statements for the books."""
        return tuple(step for step in self.steps if isinstance(step, str))

    def stop(self, classes: frozenset[str], places: frozenset[str], names: Mapping[str, object]) -> bool:
        """Whether an act of these classes that touches these places stops."""
        return any(
            stopped.classes & classes and (stopped.scope == EVERYTHING or stopped.place(names) in places)
            for stopped in self.stops
        )


def without(trigger: str, *statements: str) -> tuple[str, ...]:
    """Statements that a trigger would refuse, with the trigger gone for good."""
    return (f"{WITHOUT}{trigger}", *statements)


def past(trigger: str, *statements: str) -> tuple[str, ...]:
    """The same with the trigger back in its place before anybody looks."""
    return (f"{WITHOUT}{trigger}", *statements, f"{PUT_BACK}{trigger}")


def spoken(statement: str, engine: Engine) -> str:
    """A statement of a fault as its engine says it; one that stock SQLite has no words for is left to the forger."""
    for mark, act in ((WITHOUT, "DISABLE TRIGGER USER"), (PUT_BACK, "ENABLE ALWAYS TRIGGER USER")):
        if statement.startswith(mark):
            trigger = statement.removeprefix(mark)
            if engine == "postgresql":
                table = trigger.partition("_refuses_")[0]
                if mark == PUT_BACK:
                    return (
                        f"ALTER TABLE market.{table} ENABLE ALWAYS TRIGGER {table}_refuses_change, "
                        f"ENABLE ALWAYS TRIGGER {table}_refuses_truncate"
                    )
                return f"ALTER TABLE market.{table} {act}"
            return f"DROP TRIGGER {trigger}" if mark == WITHOUT else statement
    return statement
