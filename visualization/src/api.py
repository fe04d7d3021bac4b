"""The REST side of the dashboard: reads for its panels, the pages themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, FastAPI, HTTPException, Query, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.staticfiles import StaticFiles

from shared.src.config import Settings
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import Clock
from shared.src.domain.orders import CycleStatus
from visualization.src import views
from visualization.src.performance import PerformanceViews
from visualization.src.platform_health import PlatformHealthMonitor
from visualization.src.ports import Grouping, MarketReads, TradingReads
from visualization.src.shared_reads import SharedRoute
from visualization.src.system import SystemStatus

DEFAULT_CANDLES: Mapping[Timeframe, int] = {
    Timeframe.M1: 1440,
    Timeframe.M3: 960,
    Timeframe.M5: 1000,
    Timeframe.M15: 960,
    Timeframe.H1: 720,
    Timeframe.H4: 540,
    Timeframe.D1: 365,
}
CANDLES_MAX = 5000
ROWS_MAX = 500
DEFAULT_INDICATORS = "ema_12,ema_26,ema_50"
CYCLE_STATES = "|".join(("open", "closed", *CycleStatus))

SymbolInPath = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9]{3,20}$")]
OptionalSymbol = Annotated[str, Query(pattern=r"^[A-Za-z0-9]{0,20}$", description="empty: all symbols")]
Limit = Annotated[int, Query(ge=1, le=ROWS_MAX)]
CandleLimit = Annotated[int, Query(ge=1, le=CANDLES_MAX)]

# Everything the page needs comes from here; nothing else may run in it.
PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
        " connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'self'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

NOT_BUILT = """<!doctype html><title>RootTrading</title>
<body style="font:16px/1.6 system-ui;max-width:34rem;margin:15vh auto;padding:0 1rem">
<h1>The dashboard is not built yet</h1>
<p>Run <code>npm ci</code> and <code>npm run build</code> in <code>visualization/frontend</code>, or start the
platform with <code>make demo</code>, which does it by itself. The API is at <a href="/docs">/docs</a>.</p>"""


def reply(data: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(data), status, media_type="application/json")


def health_routes(monitor: PlatformHealthMonitor, system: SystemStatus) -> APIRouter:
    router = APIRouter(tags=["system"], route_class=SharedRoute)

    @router.get("/api/health", response_model=views.PlatformHealth)
    async def platform_health() -> Response:
        """All nine services at once; 503 as soon as one is not healthy."""
        health = await monitor.check()
        return reply(health, 200 if health["status"] == "healthy" else 503)

    @router.get("/api/system", response_model=views.SystemView)
    async def status() -> Response:
        """Mode, symbols, market clock, whether the platform trades, and what needs attention."""
        return reply(await system.view(await monitor.check()))

    @router.get("/api/system/alerts", response_model=list[views.AlertView])
    async def alerts() -> Response:
        return reply(await system.alerts(await monitor.check()))

    return router


def market_routes(reads: MarketReads, trading: TradingReads, settings: Settings) -> APIRouter:
    router = APIRouter(tags=["market"], route_class=SharedRoute)

    @router.get("/api/symbols", response_model=list[views.SymbolView])
    async def symbols() -> Response:
        """The configured symbols with last price, 24 h change and quote volume."""
        return reply(await reads.symbols(settings.trading_symbols, settings.quote_asset))

    @router.get("/api/configured-symbols", response_model=list[str])
    async def configured_symbols() -> Response:
        return reply(await reads.traded(settings.trading_symbols))

    @router.get("/api/available-symbols", response_model=list[str])
    async def available_symbols() -> Response:
        """Symbols with stored candles."""
        return reply(await reads.available_symbols())

    @router.get("/api/available-indicators", response_model=list[str])
    async def available_indicators() -> Response:
        return reply(await reads.indicator_columns())

    @router.get("/api/charts/market/{symbol}", response_model=views.MarketChart)
    async def market(
        symbol: SymbolInPath, interval: Timeframe = Timeframe.M1, limit: CandleLimit | None = None
    ) -> Response:
        """Candles, oldest first."""
        name = symbol.upper()
        candles = await reads.candles(name, interval, limit or DEFAULT_CANDLES[interval])
        return reply(views.MarketChart(symbol=name, interval=interval, candles=candles))

    @router.get("/api/charts/indicators/{symbol}", response_model=views.IndicatorChart)
    async def indicators(
        symbol: SymbolInPath,
        interval: Timeframe = Timeframe.M1,
        indicators: Annotated[str, Query(max_length=1000)] = DEFAULT_INDICATORS,
        limit: CandleLimit = 1000,
    ) -> Response:
        """Indicator values per closed bar, oldest first; null means not known yet."""
        name = symbol.upper()
        wanted = list(dict.fromkeys(word.strip() for word in indicators.split(",") if word.strip()))
        unknown = set(wanted) - set(await reads.indicator_columns())
        if unknown or not wanted:
            raise HTTPException(422, f"no such indicator: {', '.join(sorted(unknown)) or '(none given)'}")
        values = await reads.indicators(name, interval, wanted, limit)
        return reply(views.IndicatorChart(symbol=name, interval=interval, indicators=values))

    @router.get("/api/charts/signals/{symbol}", response_model=list[views.SignalView])
    async def signals(
        symbol: SymbolInPath, strategy: Annotated[str, Query(max_length=80)] = "", limit: Limit = 200
    ) -> Response:
        """Consensus signals, oldest first, at the bar they were made on."""
        return reply(await trading.chart_signals(symbol.upper(), limit, strategy))

    return router


def trading_routes(reads: TradingReads) -> APIRouter:
    router = APIRouter(tags=["trading"], route_class=SharedRoute)

    @router.get("/api/trade-cycles", response_model=list[views.CycleView])
    async def cycles(
        symbol: OptionalSymbol = "",
        status: Annotated[str, Query(pattern=rf"^({CYCLE_STATES})?$", description="empty: all")] = "",
        limit: Limit = 100,
    ) -> Response:
        """Cycles, newest first."""
        return reply(await reads.cycles(symbol=symbol.upper(), status=status, limit=limit))

    @router.get("/api/trades", response_model=list[views.TradeView])
    async def trades(symbol: OptionalSymbol = "", limit: Limit = 100) -> Response:
        """Fills, newest first."""
        return reply(await reads.trades(symbol=symbol.upper(), limit=limit))

    @router.get("/api/orders", response_model=list[views.OrderView])
    async def orders(
        symbol: OptionalSymbol = "",
        status: Annotated[str, Query(pattern="^(open|all)$")] = "open",
        limit: Limit = 100,
    ) -> Response:
        """Orders, newest first."""
        return reply(await reads.orders(symbol=symbol.upper(), open_only=status == "open", limit=limit))

    @router.get("/api/decisions", response_model=list[views.DecisionView])
    async def decisions(
        symbol: OptionalSymbol = "",
        accepted: Annotated[bool, Query(description="only what passed the filters")] = True,
        limit: Limit = 60,
    ) -> Response:
        """Consensus decisions with the votes behind them and what became of them, newest first."""
        return reply(await reads.decisions(symbol=symbol.upper(), accepted_only=accepted, limit=limit))

    return router


def performance_routes(performance: PerformanceViews, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["performance"], route_class=SharedRoute)

    @router.get("/api/pockets", response_model=list[views.PocketView])
    async def pockets() -> Response:
        return reply(await performance.pockets())

    @router.get("/api/balances", response_model=list[views.BalanceView])
    async def balances() -> Response:
        return reply(await performance.balances())

    @router.get("/api/equity", response_model=list[views.EquityPoint])
    async def equity() -> Response:
        """Value of the account over time."""
        return reply(await performance.equity())

    @router.get("/api/statistics/global", response_model=views.GlobalStatistics)
    async def overview() -> Response:
        """Profit, win rate, drawdown, Sharpe ratio, volume: net of fees, null where not known yet."""
        return reply(await performance.overview(clock.now()))

    @router.get("/api/statistics/symbols", response_model=list[views.GroupStatistics])
    async def by_symbol() -> Response:
        return reply(await performance.grouped(Grouping.SYMBOL))

    @router.get("/api/statistics/strategies", response_model=list[views.GroupStatistics])
    async def by_strategy() -> Response:
        return reply(await performance.grouped(Grouping.STRATEGY))

    return router


def serve_pages(app: FastAPI, dist: Path) -> None:
    """The built dashboard at ``/``. Built later, it is served from then on: nothing needs a restart."""

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        page = dist / "index.html"
        if not page.is_file():
            return HTMLResponse(NOT_BUILT, 503)
        return FileResponse(page, headers=PAGE_HEADERS)

    @app.get("/favicon.svg", include_in_schema=False)
    async def favicon() -> Response:
        icon = dist / "favicon.svg"
        return FileResponse(icon) if icon.is_file() else Response(status_code=404)

    app.mount("/assets", StaticFiles(directory=dist / "assets", check_dir=False), name="assets")
