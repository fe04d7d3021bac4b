"""``report.html``: one file that needs no network. Charts by lightweight-charts, which is written into it."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from backtester.report.curve import BarEquity
from backtester.results import BacktestTrade
from shared.src.domain.clock import from_ms

FOLDER: Final = Path(__file__).parent
# more points than this are no more to be seen, and make the file large
POINTS_MAX: Final = 20_000
TRADES_SHOWN: Final = 2_000
FIGURES: Final = (
    *("net", "net_percent", "fees", "trades", "trades_per_day", "win_rate", "profit_factor", "expectancy"),
    *("max_drawdown_percent", "sharpe", "sortino", "calmar", "exposure_percent", "holding_percent"),
    *("deflated_sharpe", "trials", "ambiguous_trades", "engine", "seconds"),
)
MONEY: Final = frozenset({"net", "fees", "expectancy"})


def page_of(report: Mapping[str, Any], equity: BarEquity, trades: Sequence[BacktestTrade]) -> str:
    """The page as text."""
    undefined = report["undefined"]
    return _template().format(
        title=html.escape(f"Backtest of {', '.join(report['symbols'])}"),
        period=html.escape(f"{_minute(report['from'])} to {_minute(report['to'])} UTC, {report['bars']} bars"),
        figures=_rows([(name, _shown(name, report[name], undefined.get(name, ""))) for name in FIGURES]),
        evidence=_rows(_evidence(report)),
        strategies=_rows(
            [(name, each["votes"], each["trades"], _cents(each["net"])) for name, each in report["strategies"].items()]
        ),
        refused=_rows(list(report["decisions"]["refused"].items())),
        months=_rows(_months(trades)),
        trades=_rows([_trade(trade) for trade in trades[-TRADES_SHOWN:]]),
        shown=f"the last {TRADES_SHOWN} of {len(trades)}" if len(trades) > TRADES_SHOWN else str(len(trades)),
        library=(FOLDER / "lightweight-charts.js").read_text(encoding="utf-8"),
        points=json.dumps(_points(equity)),
    )


@cache
def _template() -> str:
    return (FOLDER / "page.html").read_text(encoding="utf-8")


def _points(equity: BarEquity) -> list[dict[str, float]]:
    """The equity curve, thinned evenly; its last point is always there."""
    step = max(1, -(-len(equity.times) // POINTS_MAX))
    places = np.unique(np.append(np.arange(0, len(equity.times), step), len(equity.times) - 1))
    return [
        {"time": int(equity.times[place]) // 1000, "value": round(float(equity.values[place]), 4)} for place in places
    ]


def _evidence(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    interval, luck, doubt = report["interval"], report["random_entries"], report["ambiguous_net"]
    undefined = report["undefined"]
    return [
        (
            "net, resampled by days",
            f"{_cents(interval['low'])} to {_cents(interval['high'])} ({interval['level']:.0%})"
            if interval
            else undefined["interval"],
        ),
        (
            "random entries of equal turnover",
            f"mean {_cents(luck['mean_net'])}, as good or better: p = {luck['p_value']:.4f}"
            if luck
            else undefined["random_entries"],
        ),
        ("net, by the order inside of ambiguous bars", f"{_cents(doubt['low'])} to {_cents(doubt['high'])}"),
    ]


def _months(trades: Sequence[BacktestTrade]) -> list[tuple[str, int, str]]:
    months: dict[str, list[Decimal]] = {}
    for trade in trades:
        months.setdefault(f"{from_ms(trade.closed_ms):%Y-%m}", []).append(trade.profit_loss)
    return [(month, len(found), f"{sum(found):.2f}") for month, found in sorted(months.items())]


def _trade(trade: BacktestTrade) -> tuple[object, ...]:
    return (
        trade.symbol,
        trade.strategy,
        f"{from_ms(trade.opened_ms):%Y-%m-%d %H:%M}",
        f"{from_ms(trade.closed_ms):%Y-%m-%d %H:%M}",
        f"{trade.entry_price:.8g}",
        f"{trade.exit_price:.8g}",
        f"{trade.profit_loss:.4f}",
        f"{trade.profit_loss_percent:.3f}",
        trade.exit_reason,
    )


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _cents(amount: str) -> str:
    return f"{Decimal(amount):,.2f}"


def _shown(name: str, value: Any, why: str) -> str:
    if value is None:
        return f"undefined: {why}"
    if name in MONEY:
        return _cents(value)
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _rows(rows: Sequence[Sequence[object]]) -> str:
    cells = ("".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows)
    return "\n".join(f"<tr>{row}</tr>" for row in cells)
