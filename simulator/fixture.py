"""A fixture: everything a twin starts from, as documented for the control door, checked before anything is built.

`FixtureError` says what is wrong in words a user can act on.
"""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from shared.src.domain.errors import ConfigurationError
from simulator.market.clock import ClockMode
from simulator.market.symbols import default_filters, default_symbols

Level = tuple[Decimal, Decimal]


class FixtureError(ConfigurationError):
    """A fixture that makes no sense."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClockPart(_Part):
    """`start` absent: now for real and accelerated clocks, 2026-01-01 for stepped ones."""

    mode: ClockMode = ClockMode.REAL
    speed: float = Field(default=60.0, gt=0, le=10_000)
    start: datetime | None = None

    def start_ms(self) -> int | None:
        """The start in ms UTC; a time without a zone is UTC."""
        if self.start is None:
            return None
        aware = self.start if self.start.tzinfo else self.start.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1000)


class MarketPart(_Part):
    """`history_minutes` is the past of a synthetic market in 1m candles."""

    kind: Literal["still", "synthetic", "replay"] = "still"
    files: dict[str, Path] = Field(default_factory=dict)
    history_minutes: int | None = Field(default=None, ge=0, le=9_000)
    steps_per_minute: int | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind == "replay" and not self.files:
            raise ValueError("a replay needs files: {symbol: path}")
        if self.steps_per_minute not in (None, 4, 12, 60):
            raise ValueError("steps_per_minute is 4, 12 or 60")
        return self


class SymbolPart(_Part):
    """One symbol. Without filters it gets those of an ordinary pair with a tick fitting its price."""

    symbol: str = Field(min_length=1, max_length=40)
    base: str = Field(min_length=1)
    quote: str = Field(min_length=1)
    status: str = "TRADING"
    last_price: Decimal = Field(gt=0)
    filters: list[dict[str, Any]] = Field(default_factory=list)
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


class AccountPart(_Part):
    """One account. Keys come from name, type and seed unless both `api_key` and `secret_key` are given."""

    name: str = Field(min_length=1, max_length=64)
    balances: dict[str, Decimal] = Field(default_factory=dict)
    maker: Decimal = Field(default=Decimal("0.001"), ge=0, lt=1)
    taker: Decimal = Field(default=Decimal("0.001"), ge=0, lt=1)
    key_type: Literal["HMAC", "RSA", "ED25519"] = "HMAC"
    bnb_discount: bool = False
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


class LimitsPart(_Part):
    """Rate limits; the last two are of WebSocket connections."""

    weight_1m: int = Field(default=6000, gt=0)
    orders_10s: int = Field(default=100, gt=0)
    orders_1d: int = Field(default=200_000, gt=0)
    raw_5m: int = Field(default=300_000, gt=0)
    connections_5m: int = Field(default=300, gt=0)
    connection_life_s: float = Field(default=24 * 3600.0, gt=0)


class Fixture(_Part):
    """The whole fixture."""

    seed: int = 7
    clock: ClockPart = ClockPart()
    market: MarketPart = MarketPart()
    symbols: list[SymbolPart] = Field(min_length=1)
    accounts: list[AccountPart] = Field(default_factory=list)
    limits: LimitsPart = LimitsPart()

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("symbols") in ("default", None):
            return {**data, "symbols": default_symbols()}
        return data

    @model_validator(mode="after")
    def _unique(self) -> Self:
        for what, names in (
            ("symbol", [part.symbol for part in self.symbols]),
            ("account", [part.name for part in self.accounts]),
        ):
            doubled = {name for name in names if names.count(name) > 1}
            if doubled:
                raise ValueError(f"{what} {', '.join(sorted(doubled))} is there twice")
        unknown = set(self.market.files) - {part.symbol for part in self.symbols}
        if unknown:
            raise ValueError(f"replay files for symbols that are not there: {', '.join(sorted(unknown))}")
        return self


DEFAULT_FIXTURE: dict[str, Any] = {
    "seed": 7,
    "clock": {"mode": "real"},
    "market": {"kind": "synthetic"},
    "symbols": "default",
    "accounts": [{"name": "demo", "balances": {"USDC": "100000"}}],
}


def parse_fixture(data: Any) -> Fixture:
    """Check a fixture. Raises FixtureError with every fault found."""
    try:
        return Fixture.model_validate(data)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'fixture'}: {fault['msg']}" for fault in error.errors()
        )
        raise FixtureError(f"the fixture is not valid: {faults}") from error


def load_fixture(path: Path) -> Fixture:
    """Read a fixture file (JSON). Raises FixtureError when it cannot be read or is not valid."""
    try:
        data = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise FixtureError(f"cannot read the fixture {path}: {error}") from error
    return parse_fixture(data)
