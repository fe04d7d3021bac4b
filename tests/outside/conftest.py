"""One platform for each test: three real processes, a database of its own, a twin with a still market."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row
from redis import Redis

from shared.src.config import Settings
from tests.integration.simulator.conftest import RunningTwin, running_twin
from tests.outside.platform import TOKEN, Operator, Platform
from tests.processes import PORTS, ServiceProcess, environment_of, services

CHAIN = ("portfolio", "trader", "coordinator")
Fixture = dict[str, Any]
Launch = Callable[..., Any]


def listed(symbol: str, price: float = 100.0, quote: str = "USDC", **more: Any) -> dict[str, Any]:
    """A symbol at rest: 0.05 between bid and ask, depth for everybody."""
    return {
        "symbol": symbol,
        "base": symbol.removesuffix(quote),
        "quote": quote,
        "last_price": str(price),
        "bids": [[f"{price - 0.05:.2f}", "1000"]],
        "asks": [[f"{price:.2f}", "1000"]],
    } | more


def fixture_of(*symbols: dict[str, Any], **balances: str) -> Fixture:
    """A still market in real time with one account; 10,000 USDC unless told otherwise."""
    return {
        "seed": 7,
        "clock": {"mode": "real"},
        "market": {"kind": "still"},
        "symbols": list(symbols) or [listed("AAAUSDC"), listed("BBBUSDC")],
        "accounts": [{"name": "owner", "balances": balances or {"USDC": "10000"}}],
    }


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    with running_twin(tmp_path_factory.mktemp("exchange"), fixture=fixture_of()) as twin:
        yield twin


@pytest.fixture
def launch(make_settings: Callable[..., Settings], exchange: RunningTwin, tmp_path: Path) -> Launch:
    """Starts the platform on a fixture: ``with launch(fixture, MAX_POSITION_SIZE="500") as platform``.

    ``before``: what the operator did on the account before the platform was there.
    """

    @contextmanager
    def started(
        fixture: Fixture | None = None, *, before: Callable[[Operator], None] | None = None, **extra: str
    ) -> Iterator[Platform]:
        given = fixture or fixture_of()
        exchange.do("DELETE", "/faults")
        exchange.reset(given)
        if before is not None:
            with httpx.Client(timeout=60, trust_env=False) as http:
                before(Operator(exchange, http))
        settings = make_settings(trading_symbols=",".join(item["symbol"] for item in given["symbols"]))
        environment = environment_of(
            settings,
            **{
                "SIMULATOR_URL": exchange.rest,
                "BINANCE_API_KEY": exchange.key,
                "BINANCE_SECRET_KEY": exchange.secret,
                "API_TOKEN": TOKEN,
                "MAX_POSITION_SIZE": "2000",
                "MAX_EXPOSURE_PERCENT": "50",
            }
            | extra,
        )
        empty_redis(settings)
        with (
            services(CHAIN, environment, tmp_path) as running,
            psycopg.connect(settings.database_url, autocommit=True, row_factory=dict_row) as database,
            httpx.Client(timeout=60, trust_env=False) as http,
        ):
            another = environment | {"TRADER_PORT": str(PORTS.any())}
            yield Platform(
                twin=exchange,
                services=running,
                operator=Operator(exchange, http),
                database=database,
                http=http,
                second_trader=lambda: ServiceProcess("trader", another, tmp_path / "second.log"),
            )

    return started


@pytest.fixture
def platform(launch: Launch) -> Iterator[Platform]:
    with launch() as running:
        yield running


def empty_redis(settings: Settings) -> None:
    password = settings.redis_password.get_secret_value() or None
    with Redis(host=settings.redis_host, port=settings.redis_port, password=password) as client:
        client.flushdb()
