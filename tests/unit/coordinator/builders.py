"""A consensus and a view to decide on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from coordinator.src.pocket_checker import Limits, SymbolTerms, View
from core.risk.sizing import SizingRules
from shared.src.contracts.signals import ConsensusSignal
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.orders import Side
from shared.src.domain.signals import StrengthLevel

CLOSE_MS = 1_767_225_659_999
RULES = SizingRules(
    risk_percentage=Decimal(1),
    max_position_size=Decimal(1000),
    max_exposure_percent=Decimal(20),
    stop_loss_percent=Decimal(2),
    take_profit_percent=Decimal(4),
    drift_percent=Decimal(1),
)
LIMITS = Limits(
    entries_enabled=True,
    signal_max_age_s=180,
    max_concurrent_positions=5,
    max_daily_loss=Decimal(500),
    sizing=RULES,
)
TERMS = SymbolTerms("BTC", notional_min=Decimal(5), step=Decimal("0.00001"))


def consensus(side: Side = Side.BUY, **values: Any) -> ConsensusSignal:
    strength = values.pop("strength", 0.5)
    symbol = values.pop("symbol", "BTCUSDC")
    close_time = values.pop("close_time", CLOSE_MS)
    values.setdefault("message_id", f"con-{symbol}-{close_time}")
    return ConsensusSignal(
        **{
            "occurred_at": from_ms(close_time),
            "correlation_id": f"{symbol}:1m:{close_time}",
            "symbol": symbol,
            "timeframe": Timeframe.M1,
            "time": close_time - 59_999,
            "close_time": close_time,
            "side": side,
            "strength": strength,
            "level": StrengthLevel.of(strength),
            "confidence": 0.7,
            "price": Decimal(50_000),
            "strategy": "EMA_Cross_Strategy",
            "strategies": ("EMA_Cross_Strategy", "RSI_Cross_Strategy"),
            "families": ("trend_following", "mean_reversion"),
        }
        | values
    )


def view(**values: Any) -> View:
    defaults: dict[str, Any] = {
        "now_ms": CLOSE_MS + 1000,
        "capital": Decimal(10_000),
        "pockets": {"active": Decimal(6000), "buffer": Decimal(3000), "safety": Decimal(1000)},
    }
    return View(**(defaults | values))
