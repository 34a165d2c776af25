"""What a playbook is made of: steps in order, each with what it does, teaches and must show."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """`immediate`: the system did it, with proof. `required`: a person must."""

    IMMEDIATE = "immediate"
    REQUIRED = "required"


class Action(StrEnum):
    """What the page and the command line offer at a step."""

    CONCLUDE = "conclude"
    CURE = "cure"
    RESTORE_DEFENCES = "restore-defences"
    RESTORE_STATE = "restore-state"
    UNWIND = "unwind"
    TURN_FEATURE = "turn-feature"
    PROBE = "probe"
    VERIFY = "verify"
    LIFT = "lift"
    DOCUMENT = "document"


class Check(StrEnum):
    """What must hold before a step counts as done."""

    #: The stop of every finding is in force.
    CONTAINED = "contained"
    #: The findings and the alert are rows of the control room.
    LOGGED = "logged"
    #: At least one channel gave a receipt.
    TOLD = "told"
    #: The operator wrote down what was found.
    CONCLUSION = "conclusion"
    #: No finding of this rule and scope stands any more.
    FINDINGS_CURED = "findings-cured"
    #: Triggers, views, indexes and tables are as the migrations made them.
    DEFENCES = "defences"
    #: Each switch, probed through the real entrance, refuses what it must.
    SWITCHES_BITE = "switches-bite"
    #: The same check that found it holds on the affected scope.
    HOLDS = "holds"
    #: The restriction is no longer in force.
    LIFTED = "lifted"
    #: The incident is closed with its cause, resolution and prevention.
    DOCUMENTED = "documented"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its key within the playbook, and what it asks for."""

    key: str
    kind: Kind
    title: str
    teaches: str
    check: Check
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Playbook:
    """A way from an alert to a proven cure."""

    id: str
    title: str
    steps: tuple[Step, ...]

    def step(self, key: str) -> Step:
        """The step of this key; `KeyError` when there is none."""
        for step in self.steps:
            if step.key == key:
                return step
        raise KeyError(key)


def immediate(key: str, title: str, teaches: str, check: Check) -> Step:
    """A step that the system has done."""
    return Step(key, Kind.IMMEDIATE, title, teaches, check)


def required(key: str, title: str, teaches: str, check: Check, *actions: Action) -> Step:
    """A step that a person must do."""
    return Step(key, Kind.REQUIRED, title, teaches, check, actions)


LOGGED = immediate(
    "logged",
    "Write it down",
    "The finding, what was expected and what was found are kept, whatever happens to the books.",
    Check.LOGGED,
)
TOLD = immediate(
    "told",
    "Tell the operator",
    "The alert went out on every channel; a receipt shows that one of them took it.",
    Check.TOLD,
)
VERIFY = required(
    "verify",
    "Verify",
    "Run the same check again, on the affected scope, from the first row on.",
    Check.HOLDS,
    Action.VERIFY,
)
LIFT = required(
    "lift",
    "Lift the restriction",
    "Only now does business go on. If new evidence came in since, the lift is refused: look again.",
    Check.LIFTED,
    Action.LIFT,
)
DOCUMENT = required(
    "document",
    "Close the incident",
    "Say what caused it, what resolved it and what prevents the next one. The record is signed and kept.",
    Check.DOCUMENTED,
    Action.DOCUMENT,
)
