"""What the compose file promises: limits, loopback, order, no secret and no rights to spare."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.src.config import SERVICES

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = ("kafka-init", "migrate")
STACK = ("redis", "db", "kafka")
MEMORY_BYTES_MAX = 7680 * 1024**2  # of 8 GiB: the rest is the system's
UNITS = {"m": 1024**2, "g": 1024**3}

each_container = pytest.mark.parametrize("name", CONTAINERS)
each_service = pytest.mark.parametrize("name", SERVICES)


def memory_bytes(limit: str) -> int:
    return int(limit[:-1]) * UNITS[limit[-1]]


@each_container
def test_every_container_has_a_limit_and_bounded_logs(name: str) -> None:
    container = CONTAINERS[name]
    assert memory_bytes(container["mem_limit"]) > 0
    assert container["logging"]["options"]["max-size"]


def test_everything_together_fits_a_machine_of_eight_gigabytes() -> None:
    assert sum(memory_bytes(container["mem_limit"]) for container in CONTAINERS.values()) <= MEMORY_BYTES_MAX


@each_container
def test_ports_are_published_on_loopback_unless_told_otherwise(name: str) -> None:
    for port in CONTAINERS[name].get("ports", ()):
        assert port.startswith("${BIND_ADDRESS:-127.0.0.1}:")


@pytest.mark.parametrize("name", STACK)
def test_databases_and_broker_are_reached_from_inside_only(name: str) -> None:
    assert "ports" not in CONTAINERS[name]
    assert CONTAINERS[name]["networks"] == ["data"]
    assert COMPOSE["networks"]["data"]["internal"] is True


@each_container
def test_nothing_may_gain_rights(name: str) -> None:
    if name == "pgadmin":  # its Python carries a file capability, which such a container could not execute
        return
    assert CONTAINERS[name]["security_opt"] == ["no-new-privileges:true"]
    assert CONTAINERS[name]["cap_drop"] == ["ALL"]


@each_service
def test_services_cannot_write_to_their_own_image(name: str) -> None:
    assert CONTAINERS[name]["read_only"] is True


@each_service
def test_services_start_after_everything_they_need(name: str) -> None:
    needs = {other: rule["condition"] for other, rule in CONTAINERS[name]["depends_on"].items()}
    assert all(needs[other] == "service_healthy" for other in STACK)
    assert all(needs[other] == "service_completed_successfully" for other in ONE_SHOT)


@each_service
def test_services_come_back_and_stop_with_time_to_finish(name: str) -> None:
    assert CONTAINERS[name]["restart"] == "unless-stopped"
    assert CONTAINERS[name]["stop_grace_period"] == "15s"


@each_service
def test_the_health_probe_asks_the_port_of_its_service(name: str) -> None:
    environment = CONTAINERS[name]["environment"]
    assert environment["HEALTH_PORT"] == environment[f"{name.upper()}_PORT"]
    assert CONTAINERS[name]["command"] == ["python", "-m", f"{name}.src.main"]


def test_no_password_has_a_default() -> None:
    for variable in ("PGPASSWORD", "REDIS_PASSWORD"):
        for use in re.findall(rf"\$\{{{variable}([^}}]*)", TEXT):
            assert use.startswith(":?"), f"{variable} must be required, not {use!r}"
    assert not re.search(r"(?i)password: *[\"']?[a-z0-9]+[\"']?$", TEXT, re.MULTILINE)


@each_container
def test_every_image_is_a_variable_with_a_pinned_default(name: str) -> None:
    match = re.fullmatch(r"\$\{[A-Z_]+_IMAGE:-(\S+):(\S+)\}", CONTAINERS[name]["image"])
    assert match
    assert match[2] != "latest"
