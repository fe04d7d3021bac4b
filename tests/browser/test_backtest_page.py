"""report.html of a backtest, opened as a file."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser
from typer.testing import CliRunner

from cli.main import app
from cli.offline.strategy_check import generated
from shared.src.domain.candles import Timeframe


async def test_the_curve_shows_the_whole_run_and_nothing_is_asked_of_a_network(
    browser: Browser, tmp_path: Path
) -> None:
    candles = generated(Timeframe.M5)[0].candles
    rows = (f"{bar.time},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume}" for bar in candles)
    file, out = tmp_path / "BTCUSDC-5m.csv", tmp_path / "out"
    file.write_text("\n".join(["open_time,open,high,low,close,volume", *rows]) + "\n")
    done = CliRunner().invoke(app, ["backtest", str(file), "--out", str(out), "--data-dir", str(tmp_path / "data")])
    assert done.exit_code == 0, done.output

    page = await browser.new_page(viewport={"width": 390, "height": 800})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    await page.goto((out / "report.html").as_uri())

    shown = await page.evaluate("chart.timeScale().getVisibleRange()")
    first, last = candles[0].close_time // 1000, candles[-1].close_time // 1000
    assert shown["from"] <= first + 300
    assert shown["to"] >= last - 300
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    assert [url for url in asked if not url.startswith("file:")] == []
    assert wrong == []
