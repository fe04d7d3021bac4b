"""``report.json``: what a backtest came to, every figure by its one definition, and why one is undefined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from backtester.plan import BacktestPlan
from backtester.report.curve import BarEquity, bar_equity, holding_percent
from backtester.report.luck import TRADES_MIN, random_entries
from backtester.results import BacktestTrade, RunOutcome
from core.statistics.bootstrap import RETURNS_MIN, mean_interval
from core.statistics.equity import calmar_ratio, exposure_percent, sharpe_ratio, sortino_ratio
from core.statistics.results import CycleResult, results_of
from core.statistics.selection import Trials, deflated_sharpe, sharpe
from shared.src.domain.candles import DAY_MS
from shared.src.domain.clock import from_ms
from shared.src.domain.money import score_to_decimal, wire

CENT: Final = Decimal("0.00000001")
WHY: Final = {
    "win_rate": "there was no trade",
    "expectancy": "there was no trade",
    "profit_factor": "nothing was lost",
    "max_drawdown_percent": "there are fewer than two bars",
    "sharpe": "fewer than 24 hours, or the equity did not move",
    "sortino": "fewer than 24 hours, or no hour lost",
    "calmar": "fewer than seven days, or the equity never fell",
    "exposure_percent": "the period has no length",
    "random_entries": f"fewer than {TRADES_MIN} trades",
    "deflated_sharpe": "fewer than three days, or the equity did not move",
    "interval": f"fewer than {RETURNS_MIN} days",
    "state": "no strategy has been judged over several runs",
}


@dataclass(frozen=True, slots=True)
class Findings:
    """A finished run: the reported outcome, the better one of its ambiguous bars, and the account bar by bar."""

    plan: BacktestPlan
    engine: str
    outcome: RunOutcome
    better: RunOutcome
    equity: BarEquity
    seconds: float

    @classmethod
    def of(cls, plan: BacktestPlan, engine: str, outcomes: tuple[RunOutcome, RunOutcome], seconds: float) -> Findings:
        outcome, better = outcomes
        equity = bar_equity(plan.histories, outcome.flows, plan.capital, since_ms=plan.since_ms, until_ms=plan.until_ms)
        return cls(plan, engine, outcome, better, equity, seconds)

    @property
    def daily_sharpe(self) -> float | None:
        return sharpe(self.equity.daily_returns())


def report_of(found: Findings, trials: Trials) -> dict[str, Any]:
    """The document; ``trials``: among how many this run is one."""
    plan, outcome = found.plan, found.outcome
    document: dict[str, Any] = {
        "bars": len(found.equity.times) if len(plan.histories) == 1 else _bars(plan),
        "symbols": [history.symbol for history in plan.histories],
        "from": from_ms(plan.since_ms).isoformat(),
        "to": from_ms(plan.until_ms).isoformat(),
        "capital": wire(plan.capital),
        "net": _money(outcome.net),
        "net_percent": float(100 * outcome.net / plan.capital),
        "fees": _money(sum((trade.fees for trade in outcome.trades), Decimal(0))),
        "trades": len(outcome.trades),
        "trades_per_day": len(outcome.trades) * DAY_MS / max(1, plan.until_ms - plan.since_ms),
        **_results(outcome.trades),
        **_curve(found),
        **_evidence(found, trials),
        "trials": trials.count,
        "ambiguous_trades": outcome.ambiguous,
        "ambiguous_net": {"low": _money(outcome.net), "high": _money(found.better.net)},
        "decisions": {"made": outcome.made, "refused": dict(outcome.refused.most_common())},
        "strategies": _strategies(outcome),
        "data": [
            {
                "file": str(file),
                "sha256": certificate.sha256,
                "gaps": history.gaps,
                "certified": certificate.is_certified,
            }
            for file, history, certificate in zip(plan.files, plan.histories, plan.certificates, strict=True)
        ],
        "engine": found.engine,
        "seconds": round(found.seconds, 3),
    }
    undefined = {name: why for name, why in WHY.items() if name in document and document[name] is None}
    return document | {"undefined": undefined | {"state": WHY["state"]}}


def _money(amount: Decimal) -> str:
    return wire(amount.quantize(CENT))


def _number(value: Decimal | float | None) -> float | None:
    return None if value is None else float(value)


def _bars(plan: BacktestPlan) -> int:
    return sum(plan.since_ms <= candle.time < plan.until_ms for history in plan.histories for candle in history.candles)


def _results(trades: Sequence[BacktestTrade]) -> dict[str, Any]:
    results = results_of(
        CycleResult(
            strategy=trade.strategy,
            symbol=trade.symbol,
            completed_at=from_ms(trade.closed_ms),
            profit_loss=trade.profit_loss,
            fees=trade.fees,
            volume=trade.quantity * (trade.entry_price + trade.exit_price),
        )
        for trade in trades
    )
    win_rate = results.win_rate_percent
    return {
        "win_rate": None if win_rate is None else float(win_rate / 100),
        "profit_factor": _number(results.profit_factor),
        "expectancy": None if results.expectancy is None else _money(results.expectancy),
    }


def _curve(found: Findings) -> dict[str, Any]:
    plan, points = found.plan, found.equity.hourly()
    spans = [(trade.opened_ms, trade.closed_ms) for trade in found.outcome.trades]
    prices = {
        history.symbol: (inside[0].open, inside[-1].close)
        for history in plan.histories
        if (inside := [candle for candle in history.candles if candle.time >= plan.since_ms])
    }
    return {
        "max_drawdown_percent": found.equity.max_drawdown_percent(),
        "sharpe": _number(sharpe_ratio(points)),
        "sortino": _number(sortino_ratio(points)),
        "calmar": _number(calmar_ratio(points)),
        "exposure_percent": _number(exposure_percent(spans, since_ms=plan.since_ms, until_ms=plan.until_ms)),
        "holding_percent": _number(holding_percent(prices, plan.fee)),
    }


def _evidence(found: Findings, trials: Trials) -> dict[str, Any]:
    """Whether it is more than luck."""
    plan, returns = found.plan, found.equity.daily_returns()
    luck = random_entries(plan.histories, found.outcome.trades, fee=float(plan.fee))
    mean = mean_interval(returns)
    return {
        "random_entries": None
        if luck is None
        else {"p_value": luck.p_value, "mean_net": _money(score_to_decimal(luck.mean_net))},
        "deflated_sharpe": deflated_sharpe(returns, trials),
        "interval": None
        if mean is None
        else {
            "low": _money(_grown(plan.capital, mean.low, len(returns))),
            "high": _money(_grown(plan.capital, mean.high, len(returns))),
            "level": mean.level,
        },
    }


def _grown(capital: Decimal, daily: float, days: int) -> Decimal:
    """What so many days of this return add to the capital."""
    return capital * score_to_decimal((1.0 + daily) ** days - 1.0)


def _strategies(outcome: RunOutcome) -> Mapping[str, Any]:
    """By strategy: its votes, and the trades that were booked under it."""
    names = sorted({*outcome.votes, *(trade.strategy for trade in outcome.trades)})
    found = {}
    for name in names:
        own = [trade.profit_loss for trade in outcome.trades if trade.strategy == name]
        net = _money(sum(own, Decimal(0)))
        found[name] = {"votes": outcome.votes[name], "trades": len(own), "net": net, "state": None}
    return found
