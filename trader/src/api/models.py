"""What the REST API takes. A body that breaks these rules is answered with the reason, field by field."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from core.capital.pockets import PocketNotFoundError, pocket_name
from shared.src.contracts.base import Positive, UnitScore
from shared.src.domain.execution import ExecutionMethod
from shared.src.domain.orders import ManagedBy, OrderStatus, OrderType, Side
from shared.src.frame.idempotency import DESCRIPTION, HEADER, KEY_LENGTH_MAX


def _printable(key: str) -> str:
    if not key.isprintable():
        raise ValueError("printable characters only")
    return key


UpperSymbol = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, min_length=3, max_length=20)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
# More digits than any exchange takes, and fewer than make a sum overflow.
Sent = Annotated[Positive, Field(lt=Decimal("1e15"), decimal_places=18)]
IdempotencyKey = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=KEY_LENGTH_MAX), AfterValidator(_printable)
]

PRICED = frozenset({OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})
TRIGGERED = frozenset(
    {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)

# Which executions have a measure.
MEASURES = {
    "execution_s": frozenset(ExecutionMethod) - {ExecutionMethod.AT_ONCE},
    "slices": frozenset({ExecutionMethod.TWAP}),
    "participation_percent": frozenset({ExecutionMethod.TWAP, ExecutionMethod.PARTICIPATION}),
}


def _known_pocket(name: str) -> str:
    try:
        return pocket_name(name.lower())
    except PocketNotFoundError as error:
        raise ValueError(str(error)) from error


PocketName = Annotated[str, AfterValidator(_known_pocket)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _with_other_names(schema: dict[str, Any]) -> None:
    """Document every accepted name of a field, not only the first."""
    fields = schema["properties"]
    side, kind = fields["side"], fields.pop("order_type")
    fields |= {
        "type": kind,
        "signal_type": side | {"description": "another name of side"},
        "order_type": kind | {"description": "another name of type"},
    }


class ManualOrder(Body):
    """An order by hand. A BUY opens a position that is protected like any other; a SELL sells free units."""

    model_config = ConfigDict(json_schema_extra=_with_other_names)

    symbol: UpperSymbol
    side: Side = Field(validation_alias=AliasChoices("side", "signal_type"))
    quantity: Sent | None = Field(default=None, description="base units; or quote_quantity")
    quote_quantity: Sent | None = Field(
        default=None, description="quote units to spend at most, in place of quantity; a BUY at MARKET only"
    )
    type: OrderType = Field(default=OrderType.MARKET, validation_alias=AliasChoices("order_type", "type"))
    price: Sent | None = Field(default=None, description="limit price, quote units")
    stop_price: Sent | None = Field(default=None, description="trigger price, quote units")
    stop_loss: Sent | None = Field(default=None, description="exit below; default STOP_LOSS_PERCENT")
    take_profit: Sent | None = Field(default=None, description="exit above; default TAKE_PROFIT_PERCENT")
    strength: UnitScore | None = Field(
        default=None, description="of a signal: its price, with type MARKET, is what it was decided at"
    )
    timestamp: AwareDatetime | None = Field(default=None, description="of a signal: when it was decided")
    strategy: Words = "MANUAL"
    managed_by: ManagedBy = Field(
        default=ManagedBy.OWNER,
        description="who may close a BUY's position: its owner alone, or strategies too (signals, age limit)",
    )
    pocket: PocketName = Field(default="active", description="what pays for a BUY: active, buffer (reserve) or safety")
    execution: ExecutionMethod = Field(
        default=ExecutionMethod.AT_ONCE, description="how a BUY at MARKET is executed (docs/execution.md)"
    )
    execution_s: int | None = Field(
        default=None, ge=1, le=86_400, description="of maker_first: how long it waits; else: how long all may take"
    )
    slices: int | None = Field(default=None, ge=2, le=500, description="of twap: in how many parts")
    participation_percent: Sent | None = Field(
        default=None, le=100, description="of twap and participation: most that it may be of what is traded"
    )

    expires_s: int | None = Field(
        default=None, ge=1, le=31_536_000, description="after so many seconds what rests of a BUY is canceled"
    )

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        if (self.quantity is None) == (self.quote_quantity is None):
            raise ValueError("either quantity or quote_quantity is needed")
        if self.quote_quantity is not None and (self.side, self.type) != (Side.BUY, OrderType.MARKET):
            raise ValueError("quote_quantity makes sense for a BUY at MARKET only")
        return self

    @property
    def reference_price(self) -> Decimal | None:
        """What a signal was decided at, None for an order: a signal names a price without meaning a limit."""
        is_signal = self.strength is not None and self.type is OrderType.MARKET and self.stop_price is None
        return self.price if is_signal else None

    @property
    def limit_price(self) -> Decimal | None:
        return None if self.reference_price is not None else self.price

    @model_validator(mode="after")
    def _prices_fit_the_type(self) -> Self:
        if self.reference_price is not None:
            return self
        for name, needed in (("price", self.type in PRICED), ("stop_price", self.type in TRIGGERED)):
            given: Decimal | None = getattr(self, name)
            if needed and given is None:
                raise ValueError(f"{name} is needed for a {self.type.value} order")
            if not needed and given is not None:
                raise ValueError(f"{name} makes no sense for a {self.type.value} order")
        return self

    @model_validator(mode="after")
    def _expires_where_it_rests(self) -> Self:
        if self.expires_s is not None and (self.side is Side.SELL or self.type is OrderType.MARKET):
            raise ValueError("expires_s makes sense for a BUY that rests only")
        return self

    @model_validator(mode="after")
    def _measures_fit_the_execution(self) -> Self:
        method = self.execution
        if method is not ExecutionMethod.AT_ONCE and (self.side, self.type) != (Side.BUY, OrderType.MARKET):
            raise ValueError(f"execution {method.value} makes sense for a BUY at MARKET only")
        for name, methods in MEASURES.items():
            if getattr(self, name) is not None and method not in methods:
                raise ValueError(f"{name} makes no sense for execution {method.value}")
        return self


class CancelQuery(Body):
    """What becomes of what an entry had bought before it was canceled."""

    position: Literal["keep", "sell"] = "keep"


class ClosePosition(Body):
    symbol: UpperSymbol
    reason: Words = "manual"


class CloseCycle(Body):
    reason: Words = "manual"


class PauseRequest(Body):
    """Without symbol and strategy: everything."""

    symbol: UpperSymbol | None = None
    strategy: Words | None = None
    reason: Words = "paused by hand"

    @property
    def scope(self) -> str:
        return self.symbol or self.strategy or "all"

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        if self.symbol and self.strategy:
            raise ValueError("give a symbol or a strategy, not both")
        return self


class PanicRequest(Body):
    """``confirm`` must be true: all entries are canceled, all positions sold at market, trading is halted."""

    confirm: Literal[True]
    reason: Words = "by hand"


class OrdersQuery(Body):
    symbol: UpperSymbol | None = None
    limit: int = Field(default=100, ge=1, le=1000)
    status: OrderStatus | Literal["open"] | None = None


class OrderPath(Body):
    order_id: str


class CyclePath(Body):
    cycle_id: str


class MoveLevels(Body):
    """New levels of an open position; what is left out stays."""

    stop_price: Sent | None = Field(default=None, description="sells when the price falls to it")
    take_profit_price: Sent | None = Field(default=None, description="sells when the price rises to it")
    loosen: bool = Field(default=False, description="let the stop move away from the price, at a greater loss")


class SymbolPath(Body):
    symbol: str


class CommandHeaders(BaseModel):
    """Without a key, or with a blank one, a repeated call is another call."""

    idempotency_key: IdempotencyKey = Field(default="", alias=HEADER, description=DESCRIPTION)


class Problem(BaseModel):
    field: str
    problem: str


class RefusalBody(BaseModel):
    """What every refused call is answered with; ``errors`` where fields are at fault."""

    detail: str
    errors: list[Problem] = []
