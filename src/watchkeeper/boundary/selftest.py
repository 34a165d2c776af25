"""What the market finds out about itself and keeps beside the lease for the watch: live probes of every feature's commands,
and the turns of its own rounds. One round of each is kept, so all of it is bounded by the manifest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.base.clock import BootTime, Instant
from watchkeeper.base.database import Database

_ROWS_MAX = 1000
_ANSWER_LENGTH_MAX = 200

WORKS, RESTS, FAILS = "works", "rests", "fails"


@dataclass(frozen=True, slots=True)
class Probe:
    """What one command met: every code that stopped it, in the order in which they speak, and what its rule said.

    `name` is the command's, with `:outcome` where an outcome has classes of its own. `answer` is the refusal's code; a rule
    that accepted what it cannot, or raised, says so instead.
    """

    name: str
    refused_as: tuple[str, ...]
    answer: str


@dataclass(frozen=True, slots=True)
class ProbeRound:
    """One round of probes, in one transaction that was rolled back, and the gate as it was in it.

    `engaged`: the switches, the stop file as shutdown. `restricted`: the classes that restrictions stop for everyone.
    """

    generation: int
    engaged: frozenset[str]
    lease_silent: bool
    restricted: frozenset[str]
    probed: BootTime
    at: Instant
    probes: tuple[Probe, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """A whole round that left nothing undone: when it began, and the journal's last number when it was at its end."""

    began: Instant
    boot: BootTime
    n: int


@dataclass(frozen=True, slots=True)
class JobTurn:
    """A round of the market's own: `works`, `rests` or `fails`, when it was last at it and under which generation of the
    gate, and since when without a rest.
    """

    job: str
    state: str
    detail: str
    generation: int
    turned: BootTime
    working_since: BootTime
    settled: Settled | None


def record(database: Database, found: ProbeRound, jobs: Sequence[JobTurn]) -> None:
    """Keep a round in place of the one before; opens its own transaction."""
    with database.transaction("write"):
        database.execute("DELETE FROM feature_probes")
        database.execute_many(
            "INSERT INTO feature_probes (command, refused_as, answer) VALUES (?, ?, ?)",
            [
                (probe.name, " ".join(probe.refused_as), probe.answer[:_ANSWER_LENGTH_MAX])
                for probe in found.probes
            ],
        )
        _put(
            database,
            "probe_rounds",
            {
                "id": 1,
                "generation": found.generation,
                "engaged": " ".join(sorted(found.engaged)),
                "lease_silent": int(found.lease_silent),
                "restricted": " ".join(sorted(found.restricted)),
                "boot_id": found.probed.boot_id,
                "boot_ns": found.probed.nanoseconds,
                "at": found.at,
            },
        )
        for turn in jobs:
            settled = turn.settled
            _put(
                database,
                "job_turns",
                {
                    "job": turn.job,
                    "state": turn.state,
                    "detail": turn.detail[:_ANSWER_LENGTH_MAX],
                    "generation": turn.generation,
                    "boot_id": turn.turned.boot_id,
                    "turned_ns": turn.turned.nanoseconds,
                    "working_since_ns": turn.working_since.nanoseconds,
                    "settled_ns": None if settled is None else settled.boot.nanoseconds,
                    "settled_at": None if settled is None else settled.began,
                    "settled_n": None if settled is None else settled.n,
                },
            )


def last_round(database: Database) -> ProbeRound | None:
    """The last round of probes, None when there was none yet."""
    row = database.one(
        "SELECT generation, engaged, lease_silent, restricted, boot_id, boot_ns, at FROM probe_rounds WHERE id = 1"
    )
    if row is None:
        return None
    probes = database.query(
        "SELECT command, refused_as, answer FROM feature_probes ORDER BY command LIMIT ?", (_ROWS_MAX,)
    )
    return ProbeRound(
        generation=int(str(row[0])),
        engaged=frozenset(str(row[1]).split()),
        lease_silent=row[2] == 1,
        restricted=frozenset(str(row[3]).split()),
        probed=BootTime(str(row[4]), int(str(row[5]))),
        at=Instant(int(str(row[6]))),
        probes=tuple(Probe(str(name), tuple(str(codes).split()), str(said)) for name, codes, said in probes),
    )


def job_turns(database: Database) -> dict[str, JobTurn]:
    """Job -> its last turn."""
    rows = database.query(
        "SELECT job, state, detail, boot_id, turned_ns, working_since_ns, settled_ns, settled_at, settled_n, generation "
        "FROM job_turns ORDER BY job LIMIT ?",
        (_ROWS_MAX,),
    )
    return {str(row[0]): _turn(row) for row in rows}


def _turn(row: tuple[object, ...]) -> JobTurn:
    boot_id = str(row[3])
    settled = None
    if row[6] is not None:
        settled = Settled(Instant(int(str(row[7]))), BootTime(boot_id, int(str(row[6]))), int(str(row[8])))
    return JobTurn(
        job=str(row[0]),
        state=str(row[1]),
        detail=str(row[2]),
        generation=int(str(row[9])),
        turned=BootTime(boot_id, int(str(row[4]))),
        working_since=BootTime(boot_id, int(str(row[5]))),
        settled=settled,
    )


def _put(database: Database, table: str, values: Mapping[str, int | str | None]) -> None:
    key, *others = values
    database.execute(
        f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))}) "
        f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in others)}",
        tuple(values.values()),
    )
