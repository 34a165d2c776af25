"""A control room on disk, for tests: its store, its incident repository, and stock Git beside it."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.base.clock import Clock, Instant
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.operation.incidents import keys, life, repository
from watchkeeper.operation.incidents.model import Incident, Severity
from watchkeeper.operation.incidents.verify import verify_repository

#: 2026-11-24 07:30:49 in Kampala.
MORNING = Instant(1_795_494_649_000_000)


@dataclass
class Room:
    """One control room on disk."""

    data: Path
    database: SqliteDatabase
    clock: Clock
    at: Instant = MORNING

    @property
    def folder(self) -> Path:
        return self.data / "incidents"

    @property
    def public_key(self) -> str:
        return (self.data / keys.PUBLIC_FILE).read_text(encoding="ascii")

    def open(
        self,
        cause: str = "1.1 account:tra_a3k9x2",
        *,
        severity: Severity = "high",
        at: Instant | None = None,
        alert_ids: tuple[int, ...] = (1,),
        text: str = "A stored balance differs from the sum of its entries.",
    ) -> Incident:
        with self.database.transaction("write"):
            return life.open_incident(
                self.database,
                cause=cause,
                type="invariant 1.1",
                severity=severity,
                title=text,
                description=text,
                impact=text,
                alert_ids=alert_ids,
                at=self.at if at is None else at,
            )

    def close(
        self,
        incident: Incident,
        *,
        at: Instant | None = None,
        open_parts: tuple[str, ...] = (),
        analysis: str | None = None,
        text: str = "A row was written past the journal.",
    ) -> Incident:
        with self.database.transaction("write"):
            return life.close_incident(
                self.database,
                incident.id,
                by="opr_b7k2m9",
                cause_text=text,
                response=text,
                resolution=text,
                prevention=text,
                open_parts=open_parts,
                analysis=analysis,
                at=Instant(self.at + 90_000_000) if at is None else at,
            )

    def commit_due(self, *, limit: int = 100, lock_seconds_max: float = 10.0) -> int:
        return repository.commit_due(
            self.data,
            self.database,
            clock=self.clock,
            limit=limit,
            wait_seconds_max=0.2,
            lock_seconds_max=lock_seconds_max,
        )

    def git(self, *arguments: str, folder: Path | None = None) -> str:
        return git(*arguments, folder=folder or self.folder)


def git(*arguments: str, folder: Path) -> str:
    """What stock Git says, both streams; a failure is a failure of the test."""
    ended = subprocess.run(
        ["git", "-c", "user.name=Mallory", "-c", "user.email=mallory@localhost", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def assert_stock_git_accepts(room: Room, tmp_path: Path) -> list[str]:
    """The commits of a fresh clone, newest first, each of which stock Git verified."""
    allowed = tmp_path / "allowed_signers"
    shutil.copy(room.folder / "allowed_signers", allowed)
    clone = tmp_path / "clone of it"
    shutil.rmtree(clone, ignore_errors=True)
    room.git("clone", "--no-local", "--quiet", str(room.folder), str(clone), folder=tmp_path)
    commits = room.git("rev-list", "HEAD", folder=clone).split()
    for commit in commits:
        room.git("-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-commit", commit, folder=clone)
    for folder in (clone, room.folder):
        assert "error" not in room.git("fsck", "--strict", "--no-dangling", folder=folder)
    report = verify_repository(clone, room.public_key)
    assert report.sound, report.problems
    assert report.commits == len(commits)
    return commits
