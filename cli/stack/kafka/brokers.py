"""The three ways to a Kafka broker: librdkafka's own, Apache Kafka fetched by Maven, or one that already runs."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from cli.data_folder import PROJECT_ROOT, DataFolder
from cli.exits import missing, misused
from cli.process.child import Launch
from cli.process.ports import HOST, PortChooser
from cli.stack.health import ComponentHealth, tcp_health

POM = Path(__file__).with_name("pom.xml")
KAFKA_VERSION = "4.1.0"
CLUSTER_ID = "cm9vdHRyYWRpbmctZGVtbw"
HEAP = "-Xmx256m"


def split_address(address: str) -> tuple[str, int]:
    """Host and port of the first bootstrap server.

    Raises:
        CommandError: the text is not HOST:PORT.
    """
    host, _, port = address.split(",")[0].strip().rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise misused(f"KAFKA_BROKER: {address!r} is not HOST:PORT", "for example 127.0.0.1:9092")
    return host, int(port)


class EmbeddedKafka:
    """The broker built into librdkafka, in a process of its own. It chooses its port, a new one at each start."""

    name = "kafka"

    def __init__(self, data: DataFolder) -> None:
        self._log = data.log_of(self.name)
        self._address = ""

    @property
    def port(self) -> int | None:
        return split_address(self._address)[1] if self._address else None

    def variables(self) -> dict[str, str]:
        return {"KAFKA_BROKER": self._address, "KAFKA_EMBEDDED": "true"}

    def prepare(self) -> None:
        """Nothing: it keeps nothing."""

    def launch(self) -> Launch:
        self._address = ""
        return Launch(
            argv=(sys.executable, "-m", "cli.stack.kafka.mock_broker"),
            env=dict(os.environ),
            log=self._log,
            cwd=PROJECT_ROOT,
            announces=True,
        )

    def announced(self, line: dict[str, Any]) -> None:
        """The process says where it listens."""
        self._address = str(line["bootstrap"])

    async def probe(self) -> ComponentHealth:
        if not self._address:
            return ComponentHealth(healthy=False, detail="starting", answered=False)
        return await tcp_health(*split_address(self._address))

    async def after_start(self) -> None:
        """Nothing: topics are made when they are first used."""


class ApacheKafka:
    """One KRaft node, broker and controller in one, with its log in the data folder."""

    name = "kafka"

    def __init__(self, data: DataFolder, *, ports: PortChooser, fresh: bool) -> None:
        self._home = data.root / ("kafka-demo" if fresh else "kafka")
        self._log = data.log_of(self.name)
        self._fresh = fresh
        self.port = ports.choose(9092)
        self._controller_port = ports.any()
        self._java = shutil.which("java") or ""

    def variables(self) -> dict[str, str]:
        return {"KAFKA_BROKER": f"{HOST}:{self.port}", "KAFKA_EMBEDDED": "false"}

    def prepare(self) -> None:
        """Fetch the jars once, then format the log folder."""
        if not self._java:
            raise missing(
                "--kafka apache needs Java 17", "apt install openjdk-17-jre-headless maven, or use --kafka embedded"
            )
        fetch_jars()
        if self._fresh:
            shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir(mode=0o700, exist_ok=True)
        config = self._home / "server.properties"
        config.write_text("".join(f"{name}={value}\n" for name, value in self._properties().items()))
        arguments = ["format", "-t", CLUSTER_ID, "-c", str(config), "--ignore-formatted"]
        done = subprocess.run(
            self._command("kafka.tools.StorageTool", *arguments), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise missing(f"Kafka could not format its log folder: {(done.stderr or done.stdout).strip()[-400:]}")

    def _properties(self) -> dict[str, str]:
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{HOST}:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{HOST}:{self.port},CONTROLLER://{HOST}:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self.port}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": str(self._home / "log"),
            "num.partitions": "4",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "6000",
        }

    def _command(self, java_class: str, *arguments: str) -> list[str]:
        return [
            self._java,
            HEAP,
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            f"{jars_folder()}/*",
            java_class,
            *arguments,
        ]

    def launch(self) -> Launch:
        return Launch(
            argv=tuple(self._command("kafka.Kafka", str(self._home / "server.properties"))),
            env={"PATH": os.environ.get("PATH", ""), "HOME": str(self._home)},
            log=self._log,
            cwd=self._home,
        )

    async def probe(self) -> ComponentHealth:
        return await tcp_health(HOST, self.port)

    async def after_start(self) -> None:
        """Wait until the broker serves metadata: the port opens a moment before."""
        await asyncio.to_thread(list_topics, f"{HOST}:{self.port}")


class ExternalKafka:
    """A broker that somebody else runs."""

    name = "kafka"

    def __init__(self, address: str) -> None:
        self._address = address
        self._host, self.port = split_address(address)

    def variables(self) -> dict[str, str]:
        return {"KAFKA_BROKER": self._address, "KAFKA_EMBEDDED": "false"}

    def prepare(self) -> None:
        """Nothing of ours."""

    def launch(self) -> None:
        """Nothing of ours runs."""

    async def probe(self) -> ComponentHealth:
        return await tcp_health(self._host, self.port)

    async def after_start(self) -> None:
        await asyncio.to_thread(list_topics, self._address)


Kafka = EmbeddedKafka | ApacheKafka | ExternalKafka


def kafka_for(choice: str, data: DataFolder, *, ports: PortChooser, fresh: bool) -> Kafka:
    """The broker of the ``--kafka`` option: ``embedded``, ``apache`` or HOST:PORT."""
    if choice == "embedded":
        return EmbeddedKafka(data)
    if choice == "apache":
        return ApacheKafka(data, ports=ports, fresh=fresh)
    return ExternalKafka(choice)


def list_topics(address: str) -> None:
    """Ask a broker for its topics.

    Raises:
        CommandError: it does not answer within 15 s.
    """
    client = AdminClient({"bootstrap.servers": address, "log_level": 0})
    try:
        client.list_topics(timeout=15)
    except KafkaException as error:
        raise missing(f"Kafka at {address} does not answer: {error}", "check KAFKA_BROKER or --kafka") from error


def jars_folder() -> Path:
    """Where the jars are kept: in the user's cache, shared by every data folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "roottrading" / f"kafka-{KAFKA_VERSION}"


def fetch_jars() -> None:
    """Fetch the jars with Maven unless they are there.

    Raises:
        CommandError: Maven is missing or could not fetch them.
    """
    target = jars_folder()
    if (target / "complete").exists():
        return
    maven = shutil.which("mvn")
    if maven is None:
        raise missing("--kafka apache needs Maven to fetch the broker", "apt install maven, or use --kafka embedded")
    target.mkdir(parents=True, exist_ok=True)
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={target}", "-DincludeScope=runtime"]
    done = subprocess.run(
        [maven, "-q", "-B", "-f", str(POM), f"-Dkafka.version={KAFKA_VERSION}", *goal],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise missing(f"Maven could not fetch Apache Kafka: {_errors(done.stdout)}")
    (target / "complete").touch()


def _errors(output: str) -> str:
    """The first lines in which Maven says what is wrong."""
    lines = [line for line in output.splitlines() if "ERROR" in line] or output.splitlines()
    return "\n  ".join(lines[:3])
