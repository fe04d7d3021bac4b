"""One twin and one database for all behaviours."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from shared.src.config import Settings, load_settings
from tests.integration.simulator.conftest import running_twin
from tests.integration.simulator.paper_alike.exchanges import FIXTURE, BothExchanges
from tests.stack import Stack


@pytest.fixture(scope="package")
def both(tmp_path_factory: pytest.TempPathFactory, stack: Stack, migrated_template: str) -> Iterator[BothExchanges]:
    environment = {name.lower(): value for name, value in stack.environment.items()}
    name = f"test_{uuid.uuid4().hex[:12]}"
    dsn = load_settings(**environment).database_url
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template}")

    def settings(**overrides: Any) -> Settings:
        return load_settings(**(environment | {"pgdatabase": name} | overrides))

    with running_twin(tmp_path_factory.mktemp("twin"), fixture=FIXTURE) as twin:
        yield BothExchanges(twin, settings)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
