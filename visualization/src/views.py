"""The shapes this service answers with. Money is text (plain digits), times are ISO 8601 UTC or milliseconds UTC."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from typing_extensions import TypedDict

from shared.src.domain.candles import Timeframe
from shared.src.domain.money import wire
from shared.src.domain.orders import Side

Verdict = Literal["approved", "refused", "pending"]


def amount(value: Decimal | None) -> str | None:
    """Money as the wire carries it; what is not known stays None."""
    return None if value is None else wire(value)


class CandleView(TypedDict):
    time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    is_closed: bool


class MarketChart(TypedDict):
    symbol: str
    interval: Timeframe
    candles: list[CandleView]


class IndicatorPoint(TypedDict):
    time: int
    value: float | None


class IndicatorChart(TypedDict):
    symbol: str
    interval: Timeframe
    indicators: dict[str, list[IndicatorPoint]]


class SignalView(TypedDict):
    id: str
    time: int
    side: Side
    strategy: str
    strength: float
    price: str
    verdict: Verdict


class TickerView(TypedDict):
    symbol: str
    price: str
    change_percent: str | None
    time: int


class SymbolView(TypedDict):
    symbol: str
    base: str
    quote: str
    price: str | None
    open_24h: str | None
    change_percent: str | None
    volume_24h: str | None
    time: int | None


class CycleView(TypedDict):
    id: str
    symbol: str
    strategy: str
    managed_by: str
    pocket: str
    side: Side
    status: str
    quantity: str
    exit_quantity: str
    entry_price: str | None
    exit_price: str | None
    stop_price: str | None
    take_profit_price: str | None
    profit_loss: str | None
    profit_loss_percent: str | None
    fees: str
    reason: str
    created_at: str
    completed_at: str | None


class TradeView(TypedDict):
    id: str
    order_id: str
    cycle_id: str
    symbol: str
    side: Side
    price: str
    quantity: str
    quote_quantity: str
    fee: str
    fee_asset: str
    role: str
    purpose: str
    strategy: str
    time: str


class OrderView(TypedDict):
    id: str
    exchange_order_id: str | None
    symbol: str
    side: Side
    type: str
    status: str
    purpose: str
    price: str | None
    stop_price: str | None
    quantity: str
    executed_quantity: str
    created_at: str


class VoteView(TypedDict):
    strategy: str
    family: str
    side: Side
    strength: float
    level: str
    confidence: float
    reason: str


class DecisionView(TypedDict):
    id: str
    symbol: str
    timeframe: str
    side: Side
    strength: float
    level: str
    confidence: float
    price: str
    strategy: str
    strategies: list[str]
    reason: str
    verdict: Verdict
    verdict_reason: str
    votes: list[VoteView]
    bar_time: int
    time: str


class PocketView(TypedDict):
    name: str
    asset: str
    share_percent: str
    total: str
    used: str
    reserved: str
    available: str


class BalanceView(TypedDict):
    asset: str
    free: str
    locked: str
    total: str
    value_quote: str | None


class EquityPoint(TypedDict):
    time: int
    value: str


class GlobalStatistics(TypedDict):
    equity: str | None
    pnl_total: str
    pnl_day: str
    fees: str
    cycles_open: int
    cycles_completed: int
    wins: int
    losses: int
    win_rate_percent: str | None
    profit_factor: str | None
    expectancy: str | None
    return_percent: str | None
    roi_percent: str | None
    sharpe: str | None
    sortino: str | None
    calmar: str | None
    max_drawdown_percent: str | None
    exposure_percent: str | None
    turnover: str | None
    volume_24h: str
    trades_24h: int


class GroupStatistics(TypedDict):
    name: str
    cycles: int
    wins: int
    win_rate_percent: str | None
    pnl: str
    pnl_average: str | None
    volume: str


class ServiceView(TypedDict):
    name: str
    healthy: bool
    state: str
    url: str
    latency_ms: float | None
    detail: str
    dependencies: dict[str, bool]


class PlatformHealth(TypedDict):
    status: Literal["healthy", "degraded", "unhealthy"]
    services: dict[str, ServiceView]
    checked_at: str


class AlertView(TypedDict):
    id: str
    level: Literal["error", "warning", "info"]
    title: str
    detail: str


class TradingState(TypedDict):
    state: Literal["running", "paused", "halted", "unknown"]
    reason: str


class SystemView(TypedDict):
    mode: str
    simulated: bool
    quote_asset: str
    symbols: list[str]
    market_ms: int
    clock_speed: float
    trading: TradingState
    alerts: list[AlertView]
