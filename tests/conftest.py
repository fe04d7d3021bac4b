"""Fixtures that several kinds of tests share: real databases, a real bus, the twin."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from redis.asyncio import Redis

from database.migrate import migrate
from shared.src.config import Settings, load_settings
from shared.src.database import Database
from shared.src.redis_client import RedisBus, redis_from
from tests.stack import Stack, test_stack

PROJECT_ROOT = Path(__file__).resolve().parent.parent


# How long an example takes is no property of the code; in CI, what is accepted must not depend on luck either.
UNTIMED: dict[str, Any] = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("here", **UNTIMED)
hypothesis.settings.register_profile("ci", derandomize=True, **UNTIMED)


def pytest_configure() -> None:
    """Tests choose every setting themselves: nothing of the caller's environment reaches them."""
    hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")
    for field in Settings.model_fields.values():
        for name in getattr(field.validation_alias, "choices", ()):
            os.environ.pop(str(name), None)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """PostgreSQL, Redis and a Kafka broker for the whole test run."""
    with test_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="session")
def migrated_template(stack: Stack) -> str:
    """A migrated database that each test's own database is copied from."""
    name = "template_roottrading"
    base = load_settings(**_lower(stack.environment))
    with psycopg.connect(base.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    migrate(load_settings(**_lower(dict(stack.environment) | {"PGDATABASE": name})).database_url)
    with psycopg.connect(base.database_url, autocommit=True) as connection:
        # TimescaleDB's background workers would hold the template while it is copied
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    return name


@pytest.fixture
def make_settings(stack: Stack, migrated_template: str) -> Iterator[Callable[..., Settings]]:
    """Settings on a fresh, migrated database of the test's own; keyword arguments override."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    base = load_settings(**_lower(stack.environment))
    with psycopg.connect(base.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
    environment = _lower(dict(stack.environment) | {"PGDATABASE": name})

    def build(**overrides: Any) -> Settings:
        return load_settings(**(environment | overrides))

    yield build
    with psycopg.connect(base.database_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    """Paper-mode settings on a fresh, migrated database."""
    return make_settings()


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """A fresh, migrated database."""
    opened = Database.of(settings, "test")
    yield opened
    await opened.close()


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    """An empty Redis."""
    client = redis_from(settings)
    await client.flushdb()
    yield client
    await client.aclose()


@pytest.fixture
async def bus(redis: Redis) -> RedisBus:
    """The bus on an empty Redis."""
    return RedisBus(redis, consumer="test")


def _lower(environment: Any) -> dict[str, Any]:
    return {name.lower(): value for name, value in environment.items()}
