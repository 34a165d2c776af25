"""Turning a feature on or off as a whole: one change of the gate for all its commands, in force when the call returns.

Who may, and that a second factor is fresh, is decided by whoever calls: only the operator's control room does.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from watchkeeper.base.clock import Clock, Instant
from watchkeeper.base.database import Database
from watchkeeper.boundary.features import FEATURES, Feature, state_of
from watchkeeper.boundary.flips import Flip
from watchkeeper.boundary.gatestore import Gate, enabled

_COLUMNS = "number, feature, enabled, actor, reason, generation, at"
_TURNS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Turn:
    """One time that a feature was turned, as the gate records it."""

    number: int
    feature: str
    on: bool
    actor: str
    reason: str
    generation: int
    at: Instant


@dataclass(frozen=True, slots=True)
class FeatureState:
    """A feature as the gate has it: `on`, `off` or `half on`, what refuses of it, and the last time that it was turned."""

    feature: Feature
    state: str
    refused: tuple[str, ...]
    turned: Turn | None

    @property
    def as_turned(self) -> bool:
        """Whether its rows say what the operator last made of it; it is on until somebody turns it off."""
        return self.state == ("on" if self.turned is None or self.turned.on else "off")


def turn(
    gatestore: Gate, feature: Feature, *, on: bool, actor: str, reason: str, clock: Clock
) -> Turn | None:
    """Set every command of a feature, also where a row is missing or wrong; None when all of it was so already and the
    gate is unchanged. Raises `GateBusy` when a command decided earlier has not ended within 3 s: it is then not in force.
    """
    with gatestore.look() as database:
        found = _state(database, feature)
    if found.as_turned and found.state == ("on" if on else "off"):
        return None
    with gatestore.exclusive() as database:
        generation, _, _ = gatestore.read(database)
        database.execute_many(
            "INSERT INTO features (command, feature, enabled) VALUES (?, ?, ?) "
            "ON CONFLICT (command) DO UPDATE SET feature = excluded.feature, enabled = excluded.enabled",
            [(command, feature.name, int(on)) for command in feature.commands],
        )
        last = database.one("SELECT coalesce(max(number), 0) FROM feature_turns")
        made = Turn(
            number=1 + (int(str(last[0])) if last else 0),
            feature=feature.name,
            on=on,
            actor=actor,
            reason=reason,
            generation=generation + 1,
            at=clock.now(),
        )
        _insert(database, made)
    return made


def states(database: Database) -> list[FeatureState]:
    """Every feature as it stands, in the manifest's order."""
    on, last = enabled(database), last_turns(database)
    return [_composed(feature, on, last.get(feature.name)) for feature in FEATURES]


def last_turns(database: Database) -> dict[str, Turn]:
    """Feature -> the last time that it was turned."""
    rows = database.query(
        f"SELECT {_COLUMNS} FROM feature_turns WHERE number IN "
        "(SELECT max(number) FROM feature_turns GROUP BY feature) ORDER BY number LIMIT ?",
        (_TURNS_MAX,),
    )
    return {str(row[1]): _turn(row) for row in rows}


def make_anew(database: Database, *, off: Collection[str], by: Flip) -> None:
    """Write the rows of a gate that is made anew with this flip, in the caller's transaction: all on but the features named."""
    database.execute("DELETE FROM features")
    database.execute_many(
        "INSERT INTO features (command, feature, enabled) VALUES (?, ?, ?)",
        [
            (command, feature.name, int(feature.name not in off))
            for feature in FEATURES
            for command in feature.commands
        ],
    )
    for number, name in enumerate(sorted(off), start=1):
        _insert(database, Turn(number, name, False, by.actor, by.reason, by.generation, Instant(by.at)))


def _state(database: Database, feature: Feature) -> FeatureState:
    return _composed(feature, enabled(database), last_turns(database).get(feature.name))


def _composed(feature: Feature, on: Collection[str], turned: Turn | None) -> FeatureState:
    refused = tuple(command for command in feature.commands if command not in on)
    return FeatureState(feature, state_of(feature, on), refused, turned)


def _insert(database: Database, turn: Turn) -> None:
    database.execute(
        f"INSERT INTO feature_turns ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (turn.number, turn.feature, int(turn.on), turn.actor, turn.reason, turn.generation, turn.at),
    )


def _turn(row: tuple[object, ...]) -> Turn:
    return Turn(
        number=int(str(row[0])),
        feature=str(row[1]),
        on=row[2] == 1,
        actor=str(row[3]),
        reason=str(row[4]),
        generation=int(str(row[5])),
        at=Instant(int(str(row[6]))),
    )
