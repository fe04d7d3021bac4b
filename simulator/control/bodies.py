"""What the control API is asked: the bodies of its calls."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulator.fixture import Amount, Filters, Positive, Rules


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Liquidity(_Body):
    """What outside participants offer from now on."""

    symbol: str
    bids: list[tuple[Positive, Positive]] = Field(default_factory=list, max_length=5000)
    asks: list[tuple[Positive, Positive]] = Field(default_factory=list, max_length=5000)


class OutsideTrade(_Body):
    """An outside participant takes; without a price, at any. ``print_rest``: what the book has not is traded at the
    price all the same, between outside participants, as trades of a live market are."""

    symbol: str
    side: Literal["BUY", "SELL"]
    quantity: Positive
    price: Positive | None = None
    print_rest: bool = False

    @model_validator(mode="after")
    def _printed_at_a_price(self) -> Self:
        if self.print_rest and self.price is None:
            raise ValueError("print_rest needs a price")
        return self


class ClockChange(_Body):
    """``advance_ms`` moves a stepped clock; ``skew_ms`` puts the server clock off."""

    advance_ms: int | None = Field(default=None, ge=0, le=366 * 86_400_000)
    skew_ms: int | None = Field(default=None, ge=-86_400_000, le=86_400_000)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.advance_ms is None and self.skew_ms is None:
            raise ValueError("give advance_ms or skew_ms")
        return self


class BalanceChange(_Body):
    """A deposit or a lock (positive), a withdrawal or an unlock (negative)."""

    account: str
    asset: str = Field(min_length=1, max_length=20)
    delta: Amount


class SymbolChange(_Body):
    """A new status, filters that replace those of the same type, execution rules (an empty list lifts them), a
    reference price (null: not known), or the market time (ms) at which the symbol is delisted (null: it is not)."""

    symbol: str
    status: Literal["TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY"] | None = None
    filters: Filters | None = None
    rules: Rules | None = None
    reference_price: Positive | None = None
    delist_at_ms: int | None = Field(default=None, ge=0, le=4_102_444_800_000)


class Match(_Body):
    """Which requests or messages a fault may hit. ``endpoint`` may hold wildcards (``POST /api/v3/*``, ``order.*``,
    ``user``)."""

    endpoint: str | None = None
    symbol: str | None = None
    account: str | None = None


class FaultOrder(_Body):
    """A fault to set."""

    fault: str
    probability: float | None = Field(default=None, ge=0, le=1)
    count: int | None = Field(default=None, ge=1)
    match: Match = Match()
    seed: int | None = None
    params: dict[str, Any] = Field(default_factory=dict)


class FaultRemoval(_Body):
    """Which fault to lift; nothing means all."""

    id: int | None = None
    fault: str | None = None


class Notice(_Body):
    """A serverShutdown event, and when connections then close (None: never)."""

    close_after_s: float | None = Field(default=None, ge=0, le=3600)
