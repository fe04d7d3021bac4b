"""The services themselves: where they listen, how they find each other, how they run."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from pydantic import BaseModel, SecretStr, field_validator

from shared.src.clocks import parse_clock
from shared.src.settings.fields import setting

SERVICES = (
    "gateway",
    "dispatcher",
    "market_analyzer",
    "analyzer",
    "signal_aggregator",
    "coordinator",
    "trader",
    "portfolio",
    "visualization",
)


class ServiceSettings(BaseModel):
    """Addresses, ports, the token, and what else a process is told."""

    bind_address: str = setting("127.0.0.1", "BIND_ADDRESS", description="address the APIs listen on")
    published_on: str = setting(
        "", "PUBLISHED_ON", description="address the APIs are reached at, where it is not BIND_ADDRESS (containers)"
    )
    read_tokens: bool | None = setting(
        None,
        "READ_TOKENS",
        description="reads need a token (scope read) too; empty: when the APIs can be reached from beyond this machine",
    )
    service_hosts: str = setting(
        "",
        "SERVICE_HOSTS",
        description="container: use service names as hosts; a host name for all services otherwise",
    )
    gateway_port: int = setting(5010, "GATEWAY_PORT", description="gateway", gt=0, lt=65536)
    dispatcher_port: int = setting(5004, "DISPATCHER_PORT", description="dispatcher", gt=0, lt=65536)
    market_analyzer_port: int = setting(5020, "MARKET_ANALYZER_PORT", description="market_analyzer", gt=0, lt=65536)
    analyzer_port: int = setting(5012, "ANALYZER_PORT", description="analyzer", gt=0, lt=65536)
    signal_aggregator_port: int = setting(
        5013, "SIGNAL_AGGREGATOR_PORT", description="signal_aggregator", gt=0, lt=65536
    )
    coordinator_port: int = setting(5003, "COORDINATOR_PORT", description="coordinator", gt=0, lt=65536)
    trader_port: int = setting(5002, "TRADER_PORT", description="trader", gt=0, lt=65536)
    portfolio_port: int = setting(8000, "PORTFOLIO_PORT", description="portfolio", gt=0, lt=65536)
    visualization_port: int = setting(5009, "VISUALIZATION_PORT", description="dashboard", gt=0, lt=65536)
    api_token: SecretStr = setting(
        SecretStr(""),
        "API_TOKEN",
        description="admin token accepted besides those of `roottrading token`, 16 characters or more",
    )
    strategies_dir: str = setting("", "STRATEGIES_DIR", description="folder with your own strategy files")
    analyzer_workers: int = setting(
        1, "ANALYZER_WORKERS", description="processes that the analyzer divides the symbols among", ge=1, le=16
    )
    futures_data_url: str = setting(
        "",
        "FUTURES_DATA_URL",
        description="Binance's public futures data (https://fapi.binance.com) for the funding and calendar monitors,"
        " which never trade; empty: off",
    )
    warmup_candles: int = setting(
        1000, "WARMUP_CANDLES", description="candles of each time frame fetched at start for each symbol", ge=100
    )
    log_level: str = setting("INFO", "LOG_LEVEL", description="DEBUG, INFO, WARNING or ERROR")
    platform_clock: str = setting(
        "",
        "PLATFORM_CLOCK",
        description="speed@market_ms@wall_ms: accelerated market time (demo); stepped@FILE: moved by hand; empty: real",
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _level(cls, value: Any) -> str:
        level = str(value).strip().upper()
        if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return level

    @field_validator("platform_clock")
    @classmethod
    def _clock(cls, value: str) -> str:
        if value:
            parse_clock(value)
        return value

    @field_validator("api_token")
    @classmethod
    def _token_is_long(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < 16:
            raise ValueError("must have at least 16 characters (make env writes one)")
        return value

    def port_of(self, service: str) -> int:
        port: int = getattr(self, f"{service}_port")
        return port

    @property
    def reads_need_token(self) -> bool:
        """Whether a read of an API needs the scope read: on this machine alone everybody may look."""
        if self.read_tokens is not None:
            return self.read_tokens
        return not is_loopback(self.published_on or self.bind_address)

    def url_of(self, service: str) -> str:
        """Base URL of another service: by name in a container network, on loopback otherwise."""
        host = {"": "127.0.0.1", "container": service}.get(self.service_hosts, self.service_hosts)
        return f"http://{host}:{self.port_of(service)}"


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address; a name other than localhost is taken for one that others reach."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
