"""Making a data folder: all of it or none of it.

Everything is made in a folder beside the one that is wanted, which then gets its name in one step. A
crash in between leaves a folder that the next set-up removes.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import DatabaseError, engine_of, file_of, places, server
from watchkeeper.base.utid import base36
from watchkeeper.market import setup as market_setup
from watchkeeper.market.reading import Books, system_id_of
from watchkeeper.market.signin import enrolment
from watchkeeper.operation import store as operation_store
from watchkeeper.operation.incidents import repository
from watchkeeper.operation.metrics import token
from watchkeeper.operation.seals import signing

_MAKING = ".being-made-"


class FolderInUse(Exception):
    """This folder holds something else. Choose an empty or a new one with --data."""


@dataclass(frozen=True, slots=True)
class FirstLinks:
    """The one-time enrolment links, as paths, of the first people who have not enrolled yet. Printed, stored never."""

    operator: str | None
    admin: str | None


def exists(data: Path) -> bool:
    """Whether a market stands in this folder."""
    return engine_of(data) == "postgresql" or file_of(data, "market").is_file()


def control_room(data: Path, *, system_id: str, clock: Clock) -> None:
    """Make the control room beside a market that is there: its folders, its store and the key of its seals."""
    for folder in ("run", "keys", "seals"):
        (data / folder).mkdir(mode=0o700, exist_ok=True)
    operation_store.create(data, system_id=system_id, clock=clock)
    signing.create_key(data, system_id=system_id)


def create(data: Path, *, clock: Clock, database_url: str | None = None) -> None:
    """Make the folder and everything in it; raises `FolderInUse`.

    `database_url`: the books go into this PostgreSQL database, whose superuser the address names. Raises `ServerUnfit`.
    """
    data = data.absolute()
    if data.exists() and any(data.iterdir()):
        raise FolderInUse(FolderInUse.__doc__)
    data.parent.mkdir(parents=True, exist_ok=True)
    for left in data.parent.glob(f".{data.name}{_MAKING}*"):
        shutil.rmtree(left)
    making = data.parent / f".{data.name}{_MAKING}{base36(6)}"
    making.mkdir(mode=0o700)
    if database_url is not None:
        places.write_addresses(making, server.initialise(database_url))
    market = market_setup.create(making, clock=clock)
    control_room(making, system_id=market.system_id, clock=clock)
    token.create_missing(making)
    repository.create(making, system_id=market.system_id, clock=clock)
    if data.exists():
        data.rmdir()
    os.rename(making, data)
    descriptor = os.open(data.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def first_links(data: Path, *, clock: Clock) -> FirstLinks | None:
    """Fresh links for the first operator and admin as long as they have not enrolled; None when both have.

    Links of an earlier start end with it. Books that cannot be read have nobody to invite: None.
    """
    try:
        system_id = system_id_of(data)
        books = Books(data, system_id=system_id)
        try:
            first = [books.user(user_id) for user_id in market_setup.FIRST_PEOPLE]
        finally:
            books.close()
        operator, admin = (
            f"/enrol/{enrolment.invite(data, system_id=system_id, user=user, clock=clock)}"
            if user is not None and user.status == "invited"
            else None
            for user in first
        )
    except DatabaseError:
        return None
    return FirstLinks(operator, admin) if operator or admin else None
