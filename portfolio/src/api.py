"""The portfolio's REST API: reading. What changes pockets and books is in ``api_pockets``."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from core.capital.ledger import PostingKind
from portfolio.src.binance_account_manager import BinanceAccountManager
from portfolio.src.booking import Booking
from portfolio.src.models import PortfolioModel, TradeFilter
from shared.src.domain.plain import plain

SymbolQuery = Annotated[str | None, Query(pattern="^[A-Za-z0-9]{5,20}$", description="e.g. BTCUSDC")]
PageQuery = Annotated[int, Query(ge=1, le=1_000_000)]


def answer(value: Any) -> Response:
    """JSON with amounts as text."""
    return Response(orjson.dumps(plain(value)), media_type="application/json")


def create_router(model: PortfolioModel, account: BinanceAccountManager, booking: Booking) -> APIRouter:
    """Every read, with its documented aliases."""
    router = APIRouter()
    _add_state(router, model)
    _add_history(router, model)
    _add_books(router, model, account)
    _add_quarantine(router, booking)

    @router.get("/symbols/owned", tags=["portfolio"])
    async def symbols_owned() -> Response:
        """Traded symbols whose base asset is held."""
        return answer(await model.owned_symbols(account.symbols))

    @router.get("/", tags=["portfolio"])
    async def root(request: Request) -> Response:
        """Where to go from here."""
        paths = sorted({getattr(route, "path", "") for route in request.app.routes} - {""})
        return answer({"service": "portfolio", "docs": "/docs", "paths": paths})

    return router


def _add_state(router: APIRouter, model: PortfolioModel) -> None:
    @router.get("/summary", tags=["portfolio"])
    @router.get("/portfolio/summary", tags=["aliases"])
    async def summary() -> Response:
        """Total value, change over a day and a week, open positions, results."""
        return answer(await model.summary())

    @router.get("/balances", tags=["portfolio"])
    @router.get("/api/balance", tags=["aliases"])
    @router.get("/portfolio/balance", tags=["aliases"])
    async def balances() -> Response:
        """Every asset: free, locked, total, and what it is worth."""
        return answer(await model.balances())

    @router.get("/balance/{asset}", tags=["portfolio"])
    async def balance(asset: str) -> Response:
        """One asset."""
        return answer(await model.balance(asset))

    @router.get("/pockets", tags=["pockets"])
    async def pockets() -> Response:
        """The capital's pockets and who holds leases on them."""
        return answer(await model.pockets())

    @router.get("/positions/active", tags=["positions"])
    async def active() -> Response:
        """Open cycles, with what they would earn at the last price."""
        return answer(await model.active_positions())

    @router.get("/positions/recent", tags=["positions"])
    async def recent(hours: Annotated[int, Query(ge=1, le=168)] = 24) -> Response:
        """Cycles that ended in the last hours."""
        return answer(await model.recent_positions(hours))

    @router.get("/statistics", tags=["performance"])
    async def statistics() -> Response:
        """Return, drawdown, Sharpe, Sortino, Calmar, profit factor, expectancy, exposure, turnover; null: not yet."""
        return answer(await model.statistics())

    @router.get("/api/signals", tags=["portfolio"])
    async def signals(limit: Annotated[int, Query(ge=1, le=500)] = 10) -> Response:
        """The latest consensus signals."""
        return answer(await model.signals(limit))

    @router.get("/stats/live", tags=["portfolio"])
    async def live() -> Response:
        """Counters of the day."""
        return answer(await model.live_statistics())


def _add_history(router: APIRouter, model: PortfolioModel) -> None:
    @router.get("/trades", tags=["trades"])
    async def trades(
        symbol: SymbolQuery = None,
        strategy: str | None = None,
        side: Annotated[Literal["BUY", "SELL"] | None, Query()] = None,
        start: Annotated[datetime | None, Query(alias="start")] = None,
        end: Annotated[datetime | None, Query(alias="end")] = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        page: PageQuery = 1,
        page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Response:
        """Executions, newest first; ``start`` is included, ``end`` is not."""
        begin, finish = start or start_date, end or end_date
        _check_range(begin, finish)
        wanted = TradeFilter(symbol.upper() if symbol else None, strategy, side, begin, finish)
        return answer(await model.trades(wanted, page=page, page_size=page_size))

    @router.get("/portfolio/trades", tags=["aliases"])
    async def portfolio_trades(
        symbol: SymbolQuery = None, limit: Annotated[int, Query(ge=1, le=200)] = 50, page: PageQuery = 1
    ) -> Response:
        """Executions, newest first."""
        wanted = TradeFilter(symbol.upper() if symbol else None)
        return answer(await model.trades(wanted, page=page, page_size=limit))

    @router.get("/performance/{period}", tags=["performance"])
    async def performance(
        period: Literal["daily", "weekly", "monthly"],
        strategy: str | None = None,
        symbol: SymbolQuery = None,
        by: Literal["strategy", "symbol"] | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 30,
    ) -> Response:
        """Results per period, newest first; ``by`` splits them, ``strategy`` and ``symbol`` pick one."""
        rows = await model.performance(
            period, strategy=strategy, symbol=symbol.upper() if symbol else None, by=by, limit=limit
        )
        return answer(rows)


def _add_books(router: APIRouter, model: PortfolioModel, account: BinanceAccountManager) -> None:
    @router.get("/ledger", tags=["ledger"])
    async def ledger() -> Response:
        """Balances per account, and whether the books equalled the exchange to the last digit at the last look."""
        state = account.state
        body = await model.ledger()
        body |= {
            "equals_exchange": None if state.error else not state.gaps,
            "differences": [{"asset": asset, "exchange_minus_books": gap} for asset, gap in state.gaps.items()],
            "standing": state.standing.value,
            "finding": state.explained or state.error,
            "exchange_read_at": state.read_at,
        }
        return answer(body)

    @router.get("/ledger/postings", tags=["ledger"])
    async def postings(
        kind: PostingKind | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Response:
        """The latest postings, with their lines."""
        return answer(await model.postings(kind=kind, limit=limit))


def _add_quarantine(router: APIRouter, booking: Booking) -> None:
    @router.get("/quarantine", tags=["ledger"])
    async def quarantine() -> Response:
        """Executions that cannot be booked, with the reason and since when; released ones too, after them."""
        return answer({"quarantine": [asdict(item) for item in await booking.quarantined()]})


def _check_range(start: datetime | None, end: datetime | None) -> None:
    for name, moment in (("start", start), ("end", end)):
        if moment is not None and moment.tzinfo is None:
            raise HTTPException(422, f"{name} needs a time zone, e.g. 2026-01-01T00:00:00Z")
    if start and end and start >= end:
        raise HTTPException(422, "start must be before end")
