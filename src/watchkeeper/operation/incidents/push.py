"""Pushing the incident repository to a remote, which makes its history hard to take back unseen.

Stock Git does it, in a process of its own with a time limit, never forcing: a remote that has another
history refuses, and that refusal is an outcome like any other.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Database
from watchkeeper.operation.incidents import due, gitstore
from watchkeeper.operation.incidents.text import clean_line

TIMEOUT_SECONDS = 60.0
_END_SECONDS_MAX = 5.0
_SAID_CHARACTERS_MAX = 600
_SECRET = re.compile(r"(?<=://)[^/@\s]*@")
_URL = re.compile(r"[^\s-][^\s\x00]{0,1999}")


class PushFailed(Exception):
    """The incident repository could not be pushed. It is tried again; until then the remote is behind."""


def push(
    data: Path, database: Database, *, remote_url: str, clock: Clock, timeout_seconds: float = TIMEOUT_SECONDS
) -> str:
    """Push the branch and store the outcome in a transaction of its own; the commit that the remote now has.

    Raises `PushFailed`, stored too. Credentials in the address stay out of both. `ext::` and other ways to
    run a program are refused.
    """
    with gitstore.open_repository(data) as repository:
        found = gitstore.head(repository)
    branch = "" if found is None else found.decode("ascii")
    problem = "the branch has no commit" if found is None else _run(data, remote_url, branch, timeout_seconds)
    kind = "pushed" if problem is None else "push failed"
    detail = _without_secrets(remote_url) if problem is None else problem
    with database.transaction("write"):
        due.note_event(database, kind=kind, head=branch or None, detail=detail, at=clock.now())
    if problem is not None:
        raise PushFailed(f"{PushFailed.__doc__} Git says: {problem}")
    return branch


def _run(data: Path, remote_url: str, commit: str, timeout_seconds: float) -> str | None:
    """What went wrong, or None."""
    if _URL.fullmatch(remote_url) is None:
        return "the remote's address is malformed"
    command = [
        "git",
        # Nothing that lies in the repository's own folder is run.
        *("-c", "core.hooksPath=/dev/null"),
        *("-C", str(data / gitstore.FOLDER)),
        *("push", "--porcelain", "--no-verify", "--", remote_url),
        # The commit, not the branch: what is noted is what was sent.
        f"{commit}:{gitstore.BRANCH.decode('ascii')}",
    ]
    environment = {
        # A GIT_DIR that happens to be set would push another repository.
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
        "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=20"),
        "LC_ALL": "C",
    }
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        return f"git does not start: {error.strerror}"
    try:
        said, _ = process.communicate(timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        # Git leaves its helpers (ssh, http) behind when only it is killed.
        os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_END_SECONDS_MAX)
        return f"no end within {timeout_seconds:g} s"
    if process.returncode == 0:
        return None
    text = said[-4_096:].decode("utf-8", "replace")
    return (
        clean_line(_without_secrets(text), characters_max=_SAID_CHARACTERS_MAX)
        or f"exit {process.returncode}"
    )


def _without_secrets(text: str) -> str:
    return _SECRET.sub("", text)
