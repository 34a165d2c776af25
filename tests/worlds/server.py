"""A PostgreSQL cluster of the tests' own: made in a temporary folder, run by a user without rights, thrown away."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import conninfo

from tests.waiting import until
from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import open_database, places, server

#: Whoever runs the server when the tests run as root, which it refuses.
UNPRIVILEGED = ("postgres", "nobody")


def programs() -> Path:
    """The folder of initdb and postgres; an error that names the package where there is none."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not folders:
        raise FileNotFoundError("the tests need PostgreSQL: apt-get install postgresql")
    return folders[-1].parent


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            pwd.getpwnam(name)
            return name
    raise LookupError("there is no user without rights to run the server")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return int(port)


class Cluster:
    """One server. `settings` go into its configuration; durability is what production has."""

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.user = _user()
        self.process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._schemas: str | None = None

    @property
    def data(self) -> Path:
        return self.folder / "cluster"

    def make(self) -> None:
        """A new cluster, empty."""
        if self.user is not None:
            shutil.chown(self.folder, self.user)
        self.run(
            "initdb", "--pgdata", str(self.data), "--username=super", "--auth=trust", "--encoding=UTF8",
            "--locale=C", "--no-instructions",
        )  # fmt: skip
        self.configure(
            listen_addresses="127.0.0.1",
            unix_socket_directories="",
            max_connections="300",
            shared_buffers="64MB",
            log_min_messages="fatal",
            jit="off",
        )

    def configure(self, **settings: str) -> None:
        """Append settings; the last word counts."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [str(programs() / program), *arguments],
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
            check=check,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        )

    def start(self) -> None:
        self.process = subprocess.Popen(
            [str(programs() / "postgres"), "-D", str(self.data), "-p", str(self.port)],
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "server.log").open("ab"),
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        )
        until(self.accepts, seconds=60, what="PostgreSQL accepts connections")

    def accepts(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: str = "immediate") -> None:
        """`fast`, or `immediate`: without a checkpoint."""
        if self.process is None or self.process.poll() is not None:
            return
        self.run("pg_ctl", "stop", "-D", str(self.data), "-m", how, "-w", check=False)
        self.process.wait(60)

    def url(self, database: str, *, user: str = "super", port: int | None = None) -> str:
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def prepare(self, data: Path) -> None:
        """Make `data` the folder of a market whose books will be in a new database here."""
        data.mkdir(mode=0o700, parents=True)
        places.write_addresses(data, server.initialise(self.database()))

    def made(self, data: Path) -> None:
        """The same with the schemas in it: a copy of a database in which the migrations were run once. It shares its roles
        with all others that came about so.
        """
        if self._schemas is None:
            self._schemas = self._with_schemas()
        data.mkdir(mode=0o700, parents=True)
        url = self.database(like=self._schemas)
        places.write_addresses(data, server.initialise(url, prefix=self._schemas))

    def _with_schemas(self) -> str:
        folder = self.folder / "schemas"
        self.prepare(folder)
        owner = open_database(folder, "market", role="owner")
        try:
            with owner.transaction("write"):
                server.upgrade_in(owner, folder, clock=SystemClock())
        finally:
            owner.close()
        name = conninfo.conninfo_to_dict(places.addresses(folder)["owner"])["dbname"]
        return str(name)

    def database(self, *, like: str = "template0") -> str:
        """A new database, empty or like another; its superuser's address."""
        self._databases += 1
        name = f"market_{self._databases}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.url(name)


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """A running cluster, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="watchkeeper-pg-"))
    folder.chmod(0o755)
    made = Cluster(folder)
    try:
        made.make()
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)
