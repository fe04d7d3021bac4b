"""A fixture: everything a twin starts from, as ``docs/simulator.md`` describes it, checked before anything is built.

``FixtureError`` says what is wrong in words a user can act on.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from shared.src.domain.errors import ConfigurationError
from simulator.engine.accounts import HISTORY
from simulator.engine.rules import ENFORCED_FILTERS, PriceRangeRule
from simulator.market.clock import ClockMode
from simulator.market.symbols import default_filters, default_symbols

# Amounts as the exchange has them: eight decimals, and no more coins than any asset has
MOST = Decimal(10) ** 18
Amount = Annotated[Decimal, Field(allow_inf_nan=False, max_digits=28, decimal_places=8, ge=-MOST, le=MOST)]
Positive = Annotated[Decimal, Field(allow_inf_nan=False, max_digits=28, decimal_places=8, gt=0, le=MOST)]
Level = tuple[Positive, Annotated[Decimal, Field(allow_inf_nan=False, max_digits=28, decimal_places=8, ge=0, le=MOST)]]
# Signed requests carry no time before 2017
FIRST_YEAR, LAST_YEAR = 2017, 2199
# Fields of filters that are no decimal amounts
_COUNT = re.compile(r"limit|avgPriceMins|max(Num|imum).*|(min|max)Trailing.*")


class FixtureError(ConfigurationError):
    """A fixture that makes no sense."""


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClockConfig(_Config):
    """``start`` absent: now for real and accelerated clocks, 2026-01-01 for stepped ones."""

    mode: ClockMode = ClockMode.REAL
    speed: float = Field(default=60.0, gt=0, le=10_000)
    start: datetime | None = None

    @field_validator("start")
    @classmethod
    def _in_range(cls, start: datetime | None) -> datetime | None:
        if start is not None and not FIRST_YEAR <= start.year <= LAST_YEAR:
            raise ValueError(f"the market starts between {FIRST_YEAR} and {LAST_YEAR}: no request is signed before")
        return start

    def start_ms(self) -> int | None:
        """The start in ms UTC; a time without a zone is UTC."""
        if self.start is None:
            return None
        aware = self.start if self.start.tzinfo else self.start.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1000)


class MarketConfig(_Config):
    """``history_minutes`` is the past of a synthetic market in 1m candles; ``rest`` and ``streams`` are the public
    hosts of the exchange that a mirror follows."""

    kind: Literal["still", "synthetic", "replay", "mirror"] = "still"
    files: dict[str, Path] = Field(default_factory=dict)
    rest: str = Field(default="https://data-api.binance.vision", pattern="^https?://.")
    streams: str = Field(default="wss://data-stream.binance.vision", pattern="^wss?://.")
    history_minutes: int | None = Field(default=None, ge=0, le=9_000)
    steps_per_minute: int | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind == "replay" and not self.files:
            raise ValueError("a replay needs files: {symbol: path}")
        if self.steps_per_minute not in (None, 4, 12, 60):
            raise ValueError("steps_per_minute is 4, 12 or 60")
        return self


def _filter_value(name: str, value: Any) -> Any:
    """A value of a filter as exchangeInfo shows it: flags, counts as numbers, amounts as text."""
    if name.startswith("apply") or name in ("filterType", "asset"):
        return value
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{name}: {value!r} is not a number") from None
    if isinstance(value, bool) or not number.is_finite() or not 0 <= number <= MOST:
        raise ValueError(f"{name}: {value!r} is not an amount")
    return int(number) if _COUNT.fullmatch(name) else value if isinstance(value, str) else format(number, "f")


def check_filters(filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Filters whose values make sense, written as Binance writes them; of a type that the twin does not enforce, as
    they are. Raises ValueError."""
    for entry in filters:
        if not isinstance(entry.get("filterType"), str):
            raise ValueError(f"a filter has a filterType: {entry}")
    return [
        {name: _filter_value(name, value) for name, value in entry.items()}
        if entry["filterType"] in ENFORCED_FILTERS
        else entry
        for entry in filters
    ]


Filters = Annotated[list[dict[str, Any]], AfterValidator(check_filters)]


class ExecutionRule(_Config):
    """Execution rule PRICE_RANGE as executionRules shows it: takers do not trade outside reference price x multiplier.
    Without a reference price it says nothing."""

    rule_type: Literal["PRICE_RANGE"] = Field(alias="ruleType")
    bid_up: Positive = Field(alias="bidLimitMultUp")
    bid_down: Positive = Field(alias="bidLimitMultDown")
    ask_up: Positive = Field(alias="askLimitMultUp")
    ask_down: Positive = Field(alias="askLimitMultDown")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.bid_down > self.bid_up or self.ask_down > self.ask_up:
            raise ValueError("PRICE_RANGE: a lower bound is above its upper bound")
        return self

    def rule(self) -> PriceRangeRule:
        return PriceRangeRule(self.bid_up, self.bid_down, self.ask_up, self.ask_down)


Rules = Annotated[list[ExecutionRule], Field(max_length=1)]


class SymbolConfig(_Config):
    """One symbol. Without filters it gets those of an ordinary pair with a tick fitting its price. A
    ``reference_price`` of null is one that exists and is not known; left out, the symbol has none."""

    symbol: str = Field(pattern=r"^[^a-z\s/@!]{1,50}$")
    base: str = Field(min_length=1)
    quote: str = Field(min_length=1)
    status: str = "TRADING"
    last_price: Positive
    filters: Filters = Field(default_factory=list)
    rules: Rules = Field(default_factory=list)
    reference_price: Positive | None = None
    bids: list[Level] = Field(default_factory=list)
    asks: list[Level] = Field(default_factory=list)

    @model_validator(mode="after")
    def _fill_in(self) -> Self:
        if not self.filters:
            # five significant digits, as most Binance pairs have
            tick = Decimal(1).scaleb(min(max(self.last_price.adjusted() - 4, -8), -2))
            step = Decimal(1).scaleb(min(max(-self.last_price.adjusted() - 1, -5), 0))
            object.__setattr__(self, "filters", default_filters(tick, step, self.last_price))
        return self


class AccountConfig(_Config):
    """One account. Keys come from name, type and seed unless both ``api_key`` and ``secret_key`` are given.
    ``max_assets`` is the most of an asset that one order may trade (MAX_ASSET of myFilters)."""

    name: str = Field(min_length=1, max_length=64)
    balances: dict[str, Amount] = Field(default_factory=dict)
    maker: Decimal = Field(default=Decimal("0.001"), ge=0, lt=1)
    taker: Decimal = Field(default=Decimal("0.001"), ge=0, lt=1)
    key_type: Literal["HMAC", "RSA", "ED25519"] = "HMAC"
    bnb_discount: bool = False
    max_assets: dict[str, Positive] = Field(default_factory=dict)
    can_withdraw: bool = False
    api_key: str | None = None
    secret_key: str | None = None

    @field_validator("balances")
    @classmethod
    def _not_negative(cls, balances: dict[str, Decimal]) -> dict[str, Decimal]:
        for asset, amount in balances.items():
            if amount < 0 or not amount.is_finite():
                raise ValueError(f"a balance of {amount} {asset} makes no sense")
        return balances


class SorConfig(_Config):
    """Symbols of one base asset whose orders may use smart order routing."""

    base: str = Field(min_length=1)
    symbols: list[str] = Field(min_length=1)


class LimitsConfig(_Config):
    """Rate limits; from ``connections_5m`` on of WebSocket connections, times in seconds."""

    weight_1m: int = Field(default=6000, gt=0)
    orders_10s: int = Field(default=100, gt=0)
    orders_1d: int = Field(default=200_000, gt=0)
    raw_5m: int = Field(default=300_000, gt=0)
    connections_5m: int = Field(default=300, gt=0)
    connection_life_s: float = Field(default=24 * 3600.0, gt=0)
    ping_interval_s: float = Field(default=20.0, gt=0)
    pong_timeout_s: float = Field(default=60.0, gt=0)
    outbox_messages: int = Field(default=20_000, gt=0)


def _named(symbol: Any) -> Any:
    """A symbol of a mirrored market given by its name alone."""
    return {"symbol": symbol, "base": symbol, "quote": symbol, "last_price": "1"} if isinstance(symbol, str) else symbol


class Fixture(_Config):
    """The whole fixture.

    ``first_id``: where the ids of orders, trades, lists and executions start. Absent, a stepped twin starts at 1, so
    that the same fixture gives the same tape to the byte; any other starts at the milliseconds since 2026 began, so
    that what one run left in a database does not meet the same ids in the next. ``history``: how many done orders of
    each kind, lists and trades an account remembers. ``sors``: where smart order routing is offered.
    ``exchange_filters``: the EXCHANGE_MAX_NUM_* limits of an account over all symbols.
    """

    seed: int = Field(default=7, ge=-(2**63), lt=2**63)
    clock: ClockConfig = ClockConfig()
    market: MarketConfig = MarketConfig()
    symbols: list[SymbolConfig] = Field(min_length=1)
    accounts: list[AccountConfig] = Field(default_factory=list)
    limits: LimitsConfig = LimitsConfig()
    sors: list[SorConfig] = Field(default_factory=list)
    exchange_filters: Filters = Field(default_factory=list)
    first_id: int | None = Field(default=None, gt=0)
    history: int = Field(default=HISTORY, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        symbols = data.get("symbols")
        if symbols in ("default", None):
            return {**data, "symbols": default_symbols()}
        market = data.get("market")
        if isinstance(market, dict) and market.get("kind") == "mirror" and isinstance(symbols, list):
            # the mirrored exchange says all the rest of a symbol
            return {**data, "symbols": [_named(symbol) for symbol in symbols]}
        return data

    @model_validator(mode="after")
    def _mirror_is_real(self) -> Self:
        if self.market.kind == "mirror" and self.clock.mode is not ClockMode.REAL:
            raise ValueError("a mirrored market runs in real time: clock.mode is real")
        return self

    @model_validator(mode="after")
    def _unique(self) -> Self:
        for what, names in (
            ("symbol", [entry.symbol for entry in self.symbols]),
            ("account", [entry.name for entry in self.accounts]),
        ):
            doubled = {name for name in names if names.count(name) > 1}
            if doubled:
                raise ValueError(f"{what} {', '.join(sorted(doubled))} is there twice")
        unknown = set(self.market.files) - {entry.symbol for entry in self.symbols}
        if unknown:
            raise ValueError(f"replay files for symbols that are not there: {', '.join(sorted(unknown))}")
        bases = {entry.symbol: entry.base for entry in self.symbols}
        for sor in self.sors:
            strange = [symbol for symbol in sor.symbols if bases.get(symbol) != sor.base]
            if strange:
                raise ValueError(f"smart order routing of {sor.base} cannot use {', '.join(strange)}")
        return self


DEFAULT_FIXTURE: dict[str, Any] = {
    "seed": 7,
    "clock": {"mode": "real"},
    "market": {"kind": "synthetic"},
    "symbols": "default",
    "accounts": [{"name": "demo", "balances": {"USDC": "100000"}}],
}


def describe_errors(faults: Sequence[Any], whole: str) -> str:
    """Pydantic's findings in one line; ``whole`` names the thing itself."""
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or whole}: {fault['msg']}" for fault in faults)


def parse_fixture(data: Any) -> Fixture:
    """Check a fixture. Raises FixtureError with every fault found."""
    try:
        return Fixture.model_validate(data)
    except ValidationError as error:
        raise FixtureError(f"the fixture is not valid: {describe_errors(error.errors(), 'fixture')}") from error


def load_fixture(path: Path) -> Fixture:
    """Read a fixture file (JSON). Raises FixtureError when it cannot be read or is not valid."""
    try:
        data = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise FixtureError(f"cannot read the fixture {path}: {error}") from error
    return parse_fixture(data)
