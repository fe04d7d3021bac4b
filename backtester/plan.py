"""What a backtest is asked: the histories, the strategies, the settings, the money, the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from analyzer.src.strategy_loader import LoadedStrategy
from backtester.fast_engine.fills import FillRules
from backtester.history.certificate import Certificate
from backtester.trials import Trial, parameters_hash
from shared.src.config import Settings
from shared.src.market.recorded_history import RecordedHistory
from shared.src.settings.exits import ExitLevelSettings
from shared.src.settings.risk import RiskSettings
from shared.src.settings.trading import TradingSettings

SECTIONS = (TradingSettings, RiskSettings, ExitLevelSettings)


@dataclass(frozen=True, slots=True)
class BacktestPlan:
    """``files`` and ``certificates`` belong to the histories, in their order; ``fee``: of each side, as a share.
    Entries are decided from ``since_ms`` until before ``until_ms``.
    """

    histories: Sequence[RecordedHistory]
    files: Sequence[Path]
    certificates: Sequence[Certificate]
    strategies: Sequence[LoadedStrategy]
    settings: Settings
    capital: Decimal
    fee: Decimal
    since_ms: int
    until_ms: int
    fills: FillRules = field(default_factory=FillRules)

    @property
    def quote(self) -> str:
        return self.settings.quote_asset

    def trial(self, sharpe: float | None) -> Trial:
        """This run as the ledger of trials counts it; ``sharpe``: of its daily returns. Which engine ran it, and on
        what money, makes no other idea of it.
        """
        strategies = {each.name: dict(each.overrides or {}) for each in self.strategies}
        settings = {name: str(getattr(self.settings, name)) for kind in SECTIONS for name in kind.model_fields}
        return Trial(
            parameters_hash({"strategies": strategies, "settings": {**settings, "trading_symbols": ""}}),
            tuple(history.symbol for history in self.histories),
            self.since_ms,
            self.until_ms,
            sharpe,
        )
