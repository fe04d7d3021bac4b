"""The files of a finished backtest, in a folder in which they appear together or not at all."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from backtester.report.curve import BarEquity
from backtester.report.page import page_of
from backtester.results import BacktestTrade
from shared.src.domain.clock import from_ms
from shared.src.domain.money import wire

TRADE_COLUMNS: Final = (
    *("symbol", "strategy", "opened_at", "closed_at", "entry_price", "exit_price", "quantity", "fees", "profit_loss"),
    *("profit_loss_percent", "exit_reason"),
)


def write_report(folder: Path, report: Mapping[str, Any], equity: BarEquity, trades: Sequence[BacktestTrade]) -> None:
    """Write the four files; files of these names that were there are replaced once all are written.

    Raises:
        OSError: the disk is full, or the folder cannot be written; what was there stays as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        (part / "report.json").write_text(json.dumps(report, indent=2, default=str) + "\n", encoding="utf-8")
        _write_csv(part / "trades.csv", TRADE_COLUMNS, map(_trade_row, trades))
        _write_csv(part / "equity.csv", ("time", "equity"), _equity_rows(equity))
        (part / "report.html").write_text(page_of(report, equity, trades), encoding="utf-8")
        folder.mkdir(exist_ok=True)
        for file in sorted(part.iterdir()):
            file.replace(folder / file.name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _trade_row(trade: BacktestTrade) -> Sequence[object]:
    amounts = (trade.entry_price, trade.exit_price, trade.quantity, trade.fees, trade.profit_loss)
    return (
        trade.symbol,
        trade.strategy,
        from_ms(trade.opened_ms).isoformat(timespec="milliseconds"),
        from_ms(trade.closed_ms).isoformat(timespec="milliseconds"),
        *(wire(round(amount, 12)) for amount in amounts),
        wire(round(trade.profit_loss_percent, 8)),
        trade.exit_reason,
    )


def _equity_rows(equity: BarEquity) -> Iterable[Sequence[object]]:
    for time_ms, value in zip(equity.times.tolist(), equity.values.tolist(), strict=True):
        yield from_ms(time_ms).isoformat(timespec="milliseconds"), f"{value:.8f}"
