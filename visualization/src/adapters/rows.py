"""From a row of the database to what the dashboard is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.statistics.figures import change_percent, rounded
from shared.src.domain.clock import to_ms
from shared.src.domain.money import wire
from visualization.src.views import (
    CandleView,
    CycleView,
    DecisionView,
    OrderView,
    SymbolView,
    TradeView,
    Verdict,
    VoteView,
    amount,
)

Row = Mapping[str, Any]


def moment(value: datetime) -> str:
    return value.isoformat()


def candle_view(row: Row, *, is_closed: bool) -> CandleView:
    return CandleView(
        time=to_ms(row["time"]),
        open=wire(row["open"]),
        high=wire(row["high"]),
        low=wire(row["low"]),
        close=wire(row["close"]),
        volume=wire(row["volume"]),
        is_closed=is_closed,
    )


def symbol_view(row: Row, quote: str) -> SymbolView:
    symbol = row["symbol"]
    has_price = row["close"] is not None
    change = change_percent(row["close"], row["open"]) if has_price else None
    return SymbolView(
        symbol=symbol,
        base=symbol.removesuffix(quote),
        quote=quote if symbol.endswith(quote) else "",
        price=amount(row["close"]),
        open_24h=amount(row["open"]),
        change_percent=amount(rounded(change)),
        volume_24h=amount(row["volume"]),
        time=to_ms(row["time"]) if has_price else None,
    )


def cycle_view(row: Row) -> CycleView:
    return CycleView(
        id=row["id"],
        symbol=row["symbol"],
        strategy=row["strategy"],
        managed_by=row["managed_by"],
        pocket=row["pocket"],
        side=row["side"],
        status=row["status"],
        quantity=wire(row["quantity"]),
        exit_quantity=wire(row["exit_quantity"]),
        entry_price=amount(row["entry_price"]),
        exit_price=amount(row["exit_price"]),
        stop_price=amount(row["stop_price"]),
        take_profit_price=amount(row["take_profit_price"]),
        profit_loss=amount(row["profit_loss"]),
        profit_loss_percent=amount(row["profit_loss_percent"]),
        fees=wire(row["fees"]),
        reason=row["exit_reason"],
        created_at=moment(row["created_at"]),
        completed_at=None if row["completed_at"] is None else moment(row["completed_at"]),
    )


def verdict(row: Row) -> Verdict:
    if not row["accepted"]:
        return "refused"
    if row["approved"] is None:
        return "pending"
    return "approved" if row["approved"] else "refused"


def decision_view(row: Row) -> DecisionView:
    votes = [vote_view(vote) for vote in row["votes"]]
    return DecisionView(
        id=row["id"],
        symbol=row["symbol"],
        timeframe=row["timeframe"],
        side=row["side"],
        strength=row["strength"] or 0.0,
        level=row["level"] or "WEAK",
        confidence=row["confidence"] or 0.0,
        price=wire(row["price"]),
        strategy=row["strategy"],
        strategies=[vote["strategy"] for vote in votes if vote["side"] == row["side"]],
        reason=row["reason"],
        verdict=verdict(row),
        verdict_reason=row["verdict_reason"] or "",
        votes=votes,
        bar_time=to_ms(row["timestamp"]),
        time=moment(row["decided_at"] or row["timestamp"]),
    )


def vote_view(vote: Mapping[str, Any]) -> VoteView:
    return VoteView(
        strategy=str(vote.get("strategy", "")),
        family=str(vote.get("family", "")),
        side=vote["side"],
        strength=float(vote.get("strength", 0.0)),
        level=str(vote.get("level", "")),
        confidence=float(vote.get("confidence", 0.0)),
        reason=str(vote.get("reason", "")),
    )


def trade_view(row: Row) -> TradeView:
    return TradeView(
        id=row["id"],
        order_id=row["order_id"],
        cycle_id=row["cycle_id"],
        symbol=row["symbol"],
        side=row["side"],
        price=wire(row["price"]),
        quantity=wire(row["quantity"]),
        quote_quantity=wire(row["quote_quantity"]),
        fee=wire(row["fee"]),
        fee_asset=row["fee_asset"],
        role=row["role"],
        purpose=row["purpose"],
        strategy=row["strategy"],
        time=moment(row["timestamp"]),
    )


def order_view(row: Row) -> OrderView:
    return OrderView(
        id=row["client_order_id"],
        exchange_order_id=None if row["exchange_order_id"] is None else str(row["exchange_order_id"]),
        symbol=row["symbol"],
        side=row["side"],
        type=row["type"],
        status=row["status"],
        purpose=row["purpose"],
        price=amount(row["price"]),
        stop_price=amount(row["stop_price"]),
        quantity=wire(row["quantity"]),
        executed_quantity=wire(row["executed_quantity"]),
        created_at=moment(row["created_at"]),
    )
