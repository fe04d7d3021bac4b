"""Balances, cycles and requests for capital on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.src.contracts.base import Amount, Message, NonNegative, Positive, Symbol
from shared.src.domain.orders import CycleStatus, Side

INTENT_ID = r"^[A-Za-z0-9_:\-]+$"
LIFETIME_S_MAX = 3600
REQUESTS_MAX = 500

IntentId = Annotated[str, Field(min_length=1, max_length=50, pattern=INTENT_ID)]
Lifetime = Annotated[
    float, Field(gt=0, le=LIFETIME_S_MAX, description="wall seconds until an unused reservation expires")
]


class ReservationRequest(BaseModel):
    """``amount`` quote units of a pocket for one intent; asked again for the same intent, the first answer stands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intent_id: IntentId
    pocket: str = Field(default="active", max_length=20)
    amount: Annotated[Positive, Field(max_digits=28, decimal_places=18, description="quote units")]


class ReservationsRequest(BaseModel):
    """Several requests that are answered in one transaction; the answers end with the first refusal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wanted: tuple[ReservationRequest, ...] = Field(min_length=1, max_length=REQUESTS_MAX)
    ttl_s: Lifetime = 60


class BalanceUpdated(Message):
    asset: str
    free: NonNegative
    locked: NonNegative


class CycleUpdated(Message):
    """A cycle changed. Terminal states release what is still reserved for ``intent_id``."""

    cycle_id: str
    intent_id: str
    symbol: Symbol
    strategy: str
    side: Side
    status: CycleStatus
    quantity: NonNegative
    entry_price: Positive | None = None
    exit_price: Positive | None = None
    stop_price: Positive | None = None
    take_profit_price: Positive | None = None
    profit_loss: Amount | None = None
    profit_loss_percent: Amount | None = None
    reason: str = ""
