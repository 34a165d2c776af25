"""Runs of playbooks as rows: which step stands where, with the evidence that was captured then."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base import canonical
from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.operation.catalogue.playbooks import PLAYBOOKS
from watchkeeper.operation.catalogue.playbooks.model import Kind, Playbook, Step

#: Evidence is a summary with digests, not a copy of the books.
EVIDENCE_BYTES_MAX = 32_768
_OPENED_AT_ONCE = 100


class StepNotReached(Exception):
    """The steps before this one are not done. Do them first, or override them with a reason."""


class NoSuchRun(LookupError):
    """There is no such run of a playbook, or no such step in it."""


@dataclass(frozen=True, slots=True)
class Run:
    """One playbook, for one alert, on one rule and scope."""

    id: int
    playbook: str
    alert_id: int
    rule: str
    scope: str
    opened_at: Instant
    closed_at: Instant | None

    @property
    def definition(self) -> Playbook:
        """The playbook that this runs."""
        return PLAYBOOKS[self.playbook]


@dataclass(frozen=True, slots=True)
class StepState:
    """A step of a run: what it is, whether it is done, by whom, on what evidence."""

    step: Step
    position: int
    state: str
    evidence: str | None
    evidence_digest: str | None
    by: str | None
    note: str | None
    at: Instant | None

    @property
    def done(self) -> bool:
        """Whether the next step may begin."""
        return self.state != "waiting"


_RUN = "id, playbook, alert_id, rule, scope, opened_at, closed_at"


def open_missing(database: Database, *, at: Instant) -> list[Run]:
    """Open a run for each alert that names a playbook and has none yet, in the caller's transaction."""
    rows = database.query(
        "SELECT a.id, a.playbook, a.condition, a.scope FROM alerts a LEFT JOIN playbook_runs r ON r.alert_id = a.id "
        "WHERE r.id IS NULL AND a.state <> 'resolved' AND a.playbook <> '' ORDER BY a.id LIMIT ?",
        (_OPENED_AT_ONCE,),
    )
    opened: list[Run] = []
    for alert_id, playbook, condition, scope in rows:
        definition = PLAYBOOKS.get(str(playbook))
        if definition is None:
            continue
        last = database.one("SELECT coalesce(max(id), 0) FROM playbook_runs")
        run = Run(
            1 + int(str(last[0] if last else 0)),
            definition.id,
            int(str(alert_id)),
            str(condition),
            str(scope),
            at,
            None,
        )
        database.execute(
            f"INSERT INTO playbook_runs ({_RUN}) VALUES (?, ?, ?, ?, ?, ?, NULL)",
            (run.id, run.playbook, run.alert_id, run.rule, run.scope, run.opened_at),
        )
        database.execute_many(
            "INSERT INTO playbook_steps (run_id, position, key, state) VALUES (?, ?, ?, 'waiting')",
            [(run.id, position, step.key) for position, step in enumerate(definition.steps)],
        )
        opened.append(run)
    return opened


def get(database: Database, run_id: int) -> Run:
    """One run; raises `NoSuchRun`."""
    row = database.one(f"SELECT {_RUN} FROM playbook_runs WHERE id = ?", (run_id,))
    if row is None:
        raise NoSuchRun(NoSuchRun.__doc__)
    return _run(row)


def of_alert(database: Database, alert_id: int) -> Run | None:
    """The run that was opened for this alert."""
    row = database.one(f"SELECT {_RUN} FROM playbook_runs WHERE alert_id = ?", (alert_id,))
    return None if row is None else _run(row)


def listed(database: Database, *, open_only: bool = True, limit: int = 100) -> list[Run]:
    """Runs, newest first."""
    rows = database.query(
        f"SELECT {_RUN} FROM playbook_runs WHERE (? = 0 OR closed_at IS NULL) ORDER BY id DESC LIMIT ?",
        (int(open_only), limit),
    )
    return [_run(row) for row in rows]


def _run(row: tuple[object, ...]) -> Run:
    return Run(
        int(str(row[0])),
        str(row[1]),
        int(str(row[2])),
        str(row[3]),
        str(row[4]),
        Instant(int(str(row[5]))),
        None if row[6] is None else Instant(int(str(row[6]))),
    )


def steps(database: Database, run: Run) -> list[StepState]:
    """The steps of a run in order."""
    rows = database.query(
        "SELECT key, position, state, evidence, evidence_digest, by, note, at FROM playbook_steps "
        "WHERE run_id = ? ORDER BY position LIMIT 100",
        (run.id,),
    )
    return [
        StepState(
            step=run.definition.step(str(row[0])),
            position=int(str(row[1])),
            state=str(row[2]),
            evidence=None if row[3] is None else str(row[3]),
            evidence_digest=None if row[4] is None else str(row[4]),
            by=None if row[5] is None else str(row[5]),
            note=None if row[6] is None else str(row[6]),
            at=None if row[7] is None else Instant(int(str(row[7]))),
        )
        for row in rows
    ]


def reached(database: Database, run: Run, key: str) -> StepState:
    """The step of this key, when every required step before it is done; raises `StepNotReached`, `NoSuchRun`.

    A missing receipt of an immediate step holds nobody up: the operator is here already.
    """
    before: list[StepState] = []
    for state in steps(database, run):
        if state.step.key == key:
            waiting = [s for s in before if not s.done and s.step.kind is Kind.REQUIRED]
            if waiting:
                names = ", ".join(s.step.key for s in waiting)
                raise StepNotReached(f"{StepNotReached.__doc__} Waiting: {names}.")
            return state
        before.append(state)
    raise NoSuchRun(NoSuchRun.__doc__)


def complete(
    database: Database,
    run: Run,
    key: str,
    *,
    evidence: dict[str, object],
    by: str,
    note: str = "",
    at: Instant,
    overridden: bool = False,
) -> None:
    """Mark a step done with its evidence and the evidence's digest, in the caller's transaction; once."""
    encoded = canonical.encode(evidence)
    if len(encoded) > EVIDENCE_BYTES_MAX:
        encoded = canonical.encode({"digest": canonical.digest(encoded), "bytes": len(encoded)})
    database.execute(
        "UPDATE playbook_steps SET state = ?, evidence = ?, evidence_digest = ?, by = ?, note = ?, at = ? "
        "WHERE run_id = ? AND key = ? AND state = 'waiting'",
        (
            "overridden" if overridden else "done",
            encoded.decode("utf-8"),
            canonical.digest(encoded),
            by,
            note,
            at,
            run.id,
            key,
        ),
    )


def reopen(database: Database, run: Run, key: str) -> None:
    """Set a step and what follows back to waiting: new evidence came in after it was done."""
    database.execute(
        "UPDATE playbook_steps SET state = 'waiting' WHERE run_id = ? AND position >= "
        "(SELECT position FROM playbook_steps WHERE run_id = ? AND key = ?)",
        (run.id, run.id, key),
    )


def close(database: Database, run: Run, *, at: Instant) -> None:
    """The last step is done."""
    database.execute(
        "UPDATE playbook_runs SET closed_at = ? WHERE id = ? AND closed_at IS NULL", (at, run.id)
    )
