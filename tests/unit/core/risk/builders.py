"""A consensus, an account and the limits to judge it by."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from core.capital.pockets import Pocket
from core.risk.account import AccountView, Losses, OpenCycle, PendingEntry, assets_of
from core.risk.entry_decisions import DecisionRules
from core.risk.exit_levels import ExitRules
from core.risk.limits import RiskLimits
from core.risk.sizing import SizingRules
from shared.src.contracts.signals import ConsensusSignal
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.orders import Side
from shared.src.domain.signals import StrengthLevel
from shared.src.exchange.rules import SymbolRules

CLOSE_MS = 1_767_225_659_999
LIMITS = RiskLimits(
    entries_enabled=True,
    signal_max_age_s=180,
    max_concurrent_positions=5,
    max_orders_per_minute=60,
    max_daily_loss=Decimal(500),
    max_daily_loss_percent=Decimal(5),
    max_drawdown_percent=Decimal(20),
    max_position_size=Decimal(1000),
    max_exposure_percent=Decimal(20),
    max_strategy_exposure_percent=Decimal(100),
    max_spread_percent=Decimal("0.5"),
    max_price_drift_percent=Decimal(1),
)
SIZING = SizingRules(risk_percentage=Decimal(1), drift_percent=Decimal(1))
EXITS = ExitRules()
RULES = DecisionRules(LIMITS, SIZING, EXITS)
BTC = SymbolRules("BTCUSDC", "BTC", "USDC", step=Decimal("0.00001"), notional_min=Decimal(5))
POCKETS = (
    Pocket("active", Decimal(60), Decimal(6000)),
    Pocket("buffer", Decimal(30), Decimal(3000)),
    Pocket("safety", Decimal(10), Decimal(1000)),
)


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


def account(**facts: Any) -> AccountView:
    """An account of 10 000 USDC a second after the bar closed; ``now_ms`` for another moment."""
    now_ms = facts.pop("now_ms", CLOSE_MS + 1000)
    if "day_result" in facts:
        facts["losses"] = Losses(facts.pop("day_result"))
    usual: dict[str, Any] = {
        "now": from_ms(now_ms),
        "quote": "USDC",
        "capital": Decimal(10_000),
        "pockets": POCKETS,
        "rates": {"USDT": Decimal(1)},
    }
    return AccountView.of(**(usual | facts))


def open_cycle(symbol: str = "BTCUSDC", *, created_ms: int = CLOSE_MS - 1, **facts: Any) -> OpenCycle:
    base, quote = assets_of(symbol, "USDC")
    number = facts.pop("number", "")
    return OpenCycle(f"cy-{symbol}{number}", f"int-{symbol}{number}", symbol, base, quote, created_ms, **facts)


def pending(
    symbol: str = "BTCUSDC", reserved: int = 0, intent_id: str = "", strategy: str = "EMA_Cross_Strategy"
) -> PendingEntry:
    base, _ = assets_of(symbol, "USDC")
    return PendingEntry(intent_id or f"int-{symbol}", symbol, base, Decimal(reserved), strategy)
