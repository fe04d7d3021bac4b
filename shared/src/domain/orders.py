"""The words of the order path: sides, kinds and states of orders, cycles and intents."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"


class OrderStatus(StrEnum):
    """INTENT, SENT and UNKNOWN are ours; the rest are Binance's. PENDING_NEW waits until another order is filled."""

    INTENT = "INTENT"
    SENT = "SENT"
    UNKNOWN = "UNKNOWN"
    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


TERMINAL = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.REJECTED,
        OrderStatus.EXPIRED,
        OrderStatus.EXPIRED_IN_MATCH,
    }
)
# May have reached the exchange, may not: only the exchange can tell.
UNRESOLVED = frozenset({OrderStatus.INTENT, OrderStatus.SENT, OrderStatus.UNKNOWN})


class CycleStatus(StrEnum):
    INITIATING = "initiating"
    WAITING_BUY = "waiting_buy"
    ACTIVE_BUY = "active_buy"
    WAITING_SELL = "waiting_sell"
    ACTIVE_SELL = "active_sell"
    COMPLETED = "completed"
    CANCELED = "canceled"
    FAILED = "failed"


# Positions that are over; everything else may still hold something.
ENDED = frozenset({CycleStatus.COMPLETED, CycleStatus.CANCELED, CycleStatus.FAILED})


class IntentKind(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"


class ManagedBy(StrEnum):
    """Who decides to close a position. Its own stop and target protect it whoever that is."""

    OWNER = "owner"
    STRATEGIES = "strategies"


class LiquidityRole(StrEnum):
    MAKER = "maker"
    TAKER = "taker"
