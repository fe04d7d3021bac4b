"""Every setting of the platform, read once by each ``main`` from the environment.

The names are the documented ones; aliases keep older names working. A secret may also come from a file named by
``<NAME>_FILE`` (Docker secrets). A value that makes no sense refuses to start and names its variable.
"""

from __future__ import annotations

import os
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import quote

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from shared.src.clocks import parse_clock
from shared.src.contracts.topics import PARTITIONS
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ConfigurationError
from shared.src.domain.symbols import DEFAULT_SYMBOLS

SYMBOLS_MAX = 400

Words = Annotated[tuple[str, ...], NoDecode]
Frames = Annotated[tuple[Timeframe, ...], NoDecode]


class TradingMode(StrEnum):
    PAPER = "paper"
    LIVE = "live"


class OptionalStream(StrEnum):
    """Market streams beyond 1m candles and best prices, which are always taken."""

    AGG_TRADE = "aggTrade"
    DEPTH = "depth"
    MINI_TICKER = "miniTicker"


class SecretFiles(PydanticBaseSettingsSource):
    """Reads ``NAME`` from the file that ``NAME_FILE`` points to."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in SECRET_NAMES:
            path = os.environ.get(f"{name}_FILE")
            if path and not os.environ.get(name):
                try:
                    found[name] = Path(path).read_text(encoding="utf-8").strip()
                except OSError as error:
                    raise ConfigurationError(f"{name}_FILE: cannot read {path}: {error.strerror}") from error
        return found


SECRET_NAMES = ("BINANCE_API_KEY", "BINANCE_SECRET_KEY", "PGPASSWORD", "REDIS_PASSWORD", "API_TOKEN")


def _field(default: Any, *names: str, description: str, **limits: Any) -> Any:
    return Field(default=default, validation_alias=AliasChoices(*names), description=description, **limits)


Streams = Annotated[tuple[OptionalStream, ...], NoDecode]


class Settings(BaseSettings):
    """All settings. ``.env.example`` lists exactly these, by test."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", populate_by_name=True, case_sensitive=False)

    # Trading
    trading_mode: TradingMode = _field(
        TradingMode.PAPER, "TRADING_MODE", description="paper (default) or live; demo means paper"
    )
    demo_mode: bool = _field(False, "DEMO_MODE", description="true means TRADING_MODE=paper")
    trading_enabled: bool | None = _field(
        None,
        "TRADING_ENABLED",
        description="may new positions be opened; paper: true unless told otherwise; live: must be set",
    )
    trading_symbols: Words = _field(
        DEFAULT_SYMBOLS, "TRADING_SYMBOLS", "SYMBOLS", "SYMBOL", description="symbols traded, comma separated"
    )
    interval: Frames = _field(
        (Timeframe.M1, Timeframe.M5, Timeframe.M15),
        "INTERVAL",
        description="time frames that strategies decide on",
    )
    quote_asset: str = _field("USDC", "QUOTE_ASSET", description="asset the portfolio is valued in")
    paper_balance: Decimal = _field(
        Decimal(10_000),
        "PAPER_BALANCE",
        description="starting quote balance of in-process paper trading",
        gt=0,
    )
    strategies: Words = _field((), "STRATEGIES", description="only these strategies, comma separated; empty: all")
    min_volume: Decimal = _field(
        Decimal(0), "MIN_VOLUME", description="bars with less base volume decide nothing", ge=0
    )
    trade_quantity: Decimal | None = _field(
        None, "TRADE_QUANTITY", description="fixed base quantity of an entry instead of risk-based sizing"
    )

    # Binance
    binance_api_key: SecretStr = _field(
        SecretStr(""), "BINANCE_API_KEY", "API_KEY", description="API key (spot trading only)"
    )
    binance_secret_key: SecretStr = _field(
        SecretStr(""), "BINANCE_SECRET_KEY", "API_SECRET", description="secret of the API key"
    )
    binance_rest_url: str = _field("https://api.binance.com", "BINANCE_REST_URL", description="REST base URL")
    binance_stream_url: str = _field(
        "wss://stream.binance.com:9443", "BINANCE_STREAM_URL", description="market stream base URL"
    )
    binance_ws_api_url: str = _field(
        "wss://ws-api.binance.com:443/ws-api/v3",
        "BINANCE_WS_API_URL",
        description="WebSocket API URL (user data)",
    )
    simulator_url: str = _field(
        "", "SIMULATOR_URL", description="base URL of a Binance twin; set, it replaces the three Binance URLs"
    )
    gateway_streams: Streams = _field(
        (),
        "GATEWAY_STREAMS",
        description="market streams beside candles and best prices: depth (order books), aggTrade, miniTicker",
    )
    stream_silence_s: float = _field(
        15.0, "STREAM_SILENCE_S", description="a market connection silent for this long is opened anew", gt=0
    )
    stream_life_s: float = _field(
        82_800.0,
        "STREAM_LIFE_S",
        description="a market connection is replaced at this age, without a gap (Binance ends it after 24 h)",
        gt=0,
        le=86_000,
    )
    verify_every_s: float = _field(
        900.0, "VERIFY_EVERY_S", description="stored candles are compared with the exchange's own this often", gt=0
    )
    recv_window_ms: int = _field(
        5000, "RECV_WINDOW_MS", description="how late a signed request may arrive", gt=0, le=60_000
    )

    # Risk limits
    max_position_size: Decimal = _field(
        Decimal(1000), "MAX_POSITION_SIZE", description="largest position, quote units", gt=0
    )
    risk_percentage: Decimal = _field(
        Decimal(1), "RISK_PERCENTAGE", description="capital at risk in one trade, percent", gt=0, le=10
    )
    stop_loss_percent: Decimal = _field(
        Decimal(2), "STOP_LOSS_PERCENT", description="default stop distance, percent", gt=0, lt=50
    )
    take_profit_percent: Decimal = _field(
        Decimal(4), "TAKE_PROFIT_PERCENT", description="default take-profit distance, percent", gt=0, lt=500
    )
    max_daily_loss: Decimal = _field(
        Decimal(5000),
        "MAX_DAILY_LOSS",
        description="realised loss of a UTC day that halts entries, quote units",
        gt=0,
    )
    max_concurrent_positions: int = _field(
        5, "MAX_CONCURRENT_POSITIONS", description="open positions at once", ge=1, le=200
    )
    max_exposure_percent: Decimal = _field(
        Decimal(20),
        "MAX_EXPOSURE_PERCENT",
        description="largest share of capital in one coin, percent",
        gt=0,
        le=100,
    )
    max_orders_per_minute: int = _field(
        60, "MAX_ORDERS_PER_MINUTE", description="entries sent in one wall minute at most", ge=1
    )
    max_spread_percent: Decimal = _field(
        Decimal("0.5"), "MAX_SPREAD_PERCENT", description="widest spread an entry accepts, percent", gt=0
    )
    max_price_drift_percent: Decimal = _field(
        Decimal(1),
        "MAX_PRICE_DRIFT_PERCENT",
        description="how far the price may have left the decision, percent",
        gt=0,
    )
    max_holding_minutes: int = _field(
        1440, "MAX_HOLDING_MINUTES", description="age at which a position is closed, market minutes", ge=1
    )
    trailing_stop_percent: Decimal | None = _field(
        None,
        "TRAILING_STOP_PERCENT",
        description="trail the stop by this distance, percent; empty: fixed stop",
    )
    signal_max_age_s: int = _field(
        180, "SIGNAL_MAX_AGE_S", description="a decision older than this (market seconds) opens nothing", ge=1
    )
    min_votes: int = _field(2, "MIN_VOTES", description="agreeing strategies a consensus needs", ge=1)
    market_mode: str = _field(
        "auto",
        "MARKET_MODE",
        description="ride, react or auto: which families lead",
        pattern="^(ride|react|auto)$",
    )
    rsi_window: int = _field(14, "RSI_WINDOW", description="period of RSI_Strategy's RSI", ge=2, le=500)
    rsi_overbought: float = _field(
        70.0, "RSI_OVERBOUGHT", description="RSI from which it counts as overbought", ge=55, le=95
    )
    rsi_oversold: float = _field(30.0, "RSI_OVERSOLD", description="RSI under which it counts as oversold", ge=5, le=45)
    short_window: int = _field(5, "SHORT_WINDOW", description="shorter average of SimpleMA_Cross", ge=2, le=500)
    long_window: int = _field(20, "LONG_WINDOW", description="longer average of SimpleMA_Cross", ge=2, le=500)
    bb_window: int = _field(20, "BB_WINDOW", description="period of Bollinger_Bands", ge=2, le=500)
    bb_std: float = _field(2.0, "BB_STD", description="width of Bollinger_Bands, standard deviations", ge=0.1, le=10)
    pocket_config: str = _field(
        "active=60,buffer=30,safety=10", "POCKET_CONFIG", description="shares of capital, percent, sum 100"
    )

    # PostgreSQL
    pghost: str = _field("127.0.0.1", "PGHOST", "DB_HOST", description="PostgreSQL host")
    pgport: int = _field(5432, "PGPORT", "DB_PORT", description="PostgreSQL port", gt=0, lt=65536)
    pguser: str = _field("roottrading", "PGUSER", "DB_USER", description="PostgreSQL user")
    pgpassword: SecretStr = _field(SecretStr(""), "PGPASSWORD", "DB_PASSWORD", description="PostgreSQL password")
    pgdatabase: str = _field("trading", "PGDATABASE", "DB_NAME", description="database")
    db_max_connections: int = _field(
        8, "DB_MAX_CONNECTIONS", description="pooled connections of a service at most", ge=1
    )

    # Redis, Kafka
    redis_host: str = _field("127.0.0.1", "REDIS_HOST", description="Redis host")
    redis_port: int = _field(6379, "REDIS_PORT", description="Redis port", gt=0, lt=65536)
    redis_password: SecretStr = _field(SecretStr(""), "REDIS_PASSWORD", description="Redis password")
    redis_db: int = _field(0, "REDIS_DB", description="Redis database number", ge=0)
    bus_partitions: int = _field(
        PARTITIONS,
        "BUS_PARTITIONS",
        description="streams of a topic, as many replicas can share it; Redis keeps the first number it gets",
        ge=1,
        le=256,
    )
    kafka_broker: str = _field("127.0.0.1:9092", "KAFKA_BROKER", description="Kafka bootstrap servers")
    kafka_group_id: str = _field("roottrading", "KAFKA_GROUP_ID", description="prefix of consumer groups")
    kafka_embedded: bool = _field(
        False,
        "KAFKA_EMBEDDED",
        description="the broker is librdkafka's own (development): poll without waiting",
    )

    # Services
    bind_address: str = _field("127.0.0.1", "BIND_ADDRESS", description="address the APIs listen on")
    service_hosts: str = _field(
        "",
        "SERVICE_HOSTS",
        description="container: use service names as hosts; a host name for all services otherwise",
    )
    gateway_port: int = _field(5010, "GATEWAY_PORT", description="gateway", gt=0, lt=65536)
    dispatcher_port: int = _field(5004, "DISPATCHER_PORT", description="dispatcher", gt=0, lt=65536)
    market_analyzer_port: int = _field(5020, "MARKET_ANALYZER_PORT", description="market_analyzer", gt=0, lt=65536)
    analyzer_port: int = _field(5012, "ANALYZER_PORT", description="analyzer", gt=0, lt=65536)
    signal_aggregator_port: int = _field(
        5013, "SIGNAL_AGGREGATOR_PORT", description="signal_aggregator", gt=0, lt=65536
    )
    coordinator_port: int = _field(5003, "COORDINATOR_PORT", description="coordinator", gt=0, lt=65536)
    trader_port: int = _field(5002, "TRADER_PORT", description="trader", gt=0, lt=65536)
    portfolio_port: int = _field(8000, "PORTFOLIO_PORT", description="portfolio", gt=0, lt=65536)
    visualization_port: int = _field(5009, "VISUALIZATION_PORT", description="dashboard", gt=0, lt=65536)
    api_token: SecretStr = _field(
        SecretStr(""),
        "API_TOKEN",
        description="admin token accepted besides those of `roottrading token`, 16 characters or more",
    )
    strategies_dir: str = _field("", "STRATEGIES_DIR", description="folder with your own strategy files")
    analyzer_workers: int = _field(
        1, "ANALYZER_WORKERS", description="processes that the analyzer divides the symbols among", ge=1, le=16
    )
    futures_data_url: str = _field(
        "",
        "FUTURES_DATA_URL",
        description="Binance's public futures data (https://fapi.binance.com) for the funding and calendar monitors,"
        " which never trade; empty: off",
    )
    warmup_candles: int = _field(
        1000, "WARMUP_CANDLES", description="candles of each time frame fetched at start for each symbol", ge=100
    )
    log_level: str = _field("INFO", "LOG_LEVEL", description="DEBUG, INFO, WARNING or ERROR")
    platform_clock: str = _field(
        "",
        "PLATFORM_CLOCK",
        description="speed@market_ms@wall_ms: accelerated market time (demo); stepped@FILE: moved by hand; empty: real",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls)

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, values: Any) -> Any:
        """An empty variable (``NAME=`` in an env file) is a variable that is not set."""
        return {name: value for name, value in values.items() if value != ""} if isinstance(values, dict) else values

    @field_validator("trading_mode", mode="before")
    @classmethod
    def _demo_is_paper(cls, value: Any) -> Any:
        text = str(value).strip().lower()
        return "paper" if text == "demo" else text

    @field_validator("trading_symbols", mode="before")
    @classmethod
    def _symbols(cls, value: Any) -> Any:
        return symbols_of(value)

    @field_validator("interval", "strategies", "gateway_streams", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return _words(value)

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

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.demo_mode and self.trading_mode is TradingMode.LIVE:
            raise ValueError("DEMO_MODE=true contradicts TRADING_MODE=live")
        self.pocket_shares()
        if self.short_window >= self.long_window:
            raise ValueError("SHORT_WINDOW must be smaller than LONG_WINDOW")
        if self.trading_mode is TradingMode.LIVE:
            self._check_live()
        return self

    def _check_live(self) -> None:
        explicit = {
            name for name in ("trading_enabled", "max_position_size", "max_daily_loss") if name in self.model_fields_set
        }
        missing = [
            name
            for name, given in (
                ("BINANCE_API_KEY", self.binance_api_key.get_secret_value()),
                ("BINANCE_SECRET_KEY", self.binance_secret_key.get_secret_value()),
                ("TRADING_ENABLED", "trading_enabled" in explicit),
                ("MAX_POSITION_SIZE", "max_position_size" in explicit),
                ("MAX_DAILY_LOSS", "max_daily_loss" in explicit),
            )
            if not given
        ]
        if missing:
            raise ValueError(f"TRADING_MODE=live also needs {', '.join(missing)}")
        if self.simulator_url or self.platform_clock:
            raise ValueError("TRADING_MODE=live excludes SIMULATOR_URL and PLATFORM_CLOCK")

    @property
    def entries_enabled(self) -> bool:
        """Whether new positions may be opened: explicit in live mode, on by default in paper mode."""
        return self.trading_mode is TradingMode.PAPER if self.trading_enabled is None else self.trading_enabled

    @property
    def is_demo(self) -> bool:
        """Rows written in this mode concern no real money."""
        return self.trading_mode is TradingMode.PAPER

    @property
    def rest_url(self) -> str:
        return (self.simulator_url or self.binance_rest_url).rstrip("/")

    @property
    def stream_url(self) -> str:
        base = self.simulator_url.replace("http", "ws", 1) if self.simulator_url else self.binance_stream_url
        return base.rstrip("/")

    @property
    def ws_api_url(self) -> str:
        return f"{self.stream_url}/ws-api/v3" if self.simulator_url else self.binance_ws_api_url

    @property
    def database_url(self) -> str:
        """DSN in libpq's form."""
        password = quote(self.pgpassword.get_secret_value(), safe="")
        secret = f":{password}" if password else ""
        return f"postgresql://{quote(self.pguser, safe='')}{secret}@{self.pghost}:{self.pgport}/{self.pgdatabase}"

    def pocket_shares(self) -> dict[str, Decimal]:
        """Percent of capital for each pocket. ``reserve`` is another name of ``buffer``.

        Raises:
            ValueError: POCKET_CONFIG is not name=percent pairs that add up to 100.
        """
        shares: dict[str, Decimal] = {}
        for part in self.pocket_config.split(","):
            name, _, percent = part.strip().partition("=")
            name = "buffer" if name == "reserve" else name
            try:
                shares[name] = Decimal(percent)
            except ArithmeticError as error:
                raise ValueError(f"POCKET_CONFIG: {part!r} is not name=percent") from error
        if set(shares) != {"active", "buffer", "safety"} or sum(shares.values()) != 100 or min(shares.values()) < 0:
            raise ValueError("POCKET_CONFIG: active, buffer and safety must be given and add up to 100")
        return shares

    def port_of(self, service: str) -> int:
        port: int = getattr(self, f"{service}_port")
        return port

    def url_of(self, service: str) -> str:
        """Base URL of another service: by name in a container network, on loopback otherwise."""
        host = {"": "127.0.0.1", "container": service}.get(self.service_hosts, self.service_hosts)
        return f"http://{host}:{self.port_of(service)}"


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


def symbols_of(value: Any) -> tuple[str, ...]:
    """Symbols from a list or from text separated by commas, in upper case.

    Raises:
        ValueError: one of them is no symbol, or there are none, too many, or the same twice.
    """
    symbols = _words(value, upper=True)
    for symbol in symbols:
        if not symbol.isalnum() or not 5 <= len(symbol) <= 20:
            raise ValueError(f"{symbol!r} is not a symbol such as BTCUSDC (separate symbols by commas)")
    if not symbols or len(symbols) > SYMBOLS_MAX or len(set(symbols)) != len(symbols):
        raise ValueError(f"between 1 and {SYMBOLS_MAX} different symbols are needed")
    return symbols


def _words(value: Any, *, upper: bool = False) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else list(value)
    words = (str(part).strip() for part in parts)
    return tuple(word.upper() if upper else word for word in words if word)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Raises:
        ConfigurationError: names every variable that is missing or wrong, and why.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = [f"{_variable(item['loc'])}: {item['msg'].removeprefix('Value error, ')}" for item in error.errors()]
        raise ConfigurationError("; ".join(problems)) from error


def _variable(location: tuple[int | str, ...]) -> str:
    if not location:
        return "settings"
    name = str(location[0])
    field = Settings.model_fields.get(name.lower())
    alias = field.validation_alias if field else None
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else name


def clock_from(settings: Settings) -> Clock:
    """Real time, or the market time that ``PLATFORM_CLOCK`` names."""
    return parse_clock(settings.platform_clock)
