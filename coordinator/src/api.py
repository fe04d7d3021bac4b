"""The coordinator's REST API: reading only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from coordinator.src.pocket_checker import PocketChecker
from coordinator.src.ports import DecisionStore
from coordinator.src.signal_handler import SignalHandler
from coordinator.src.universe import Universe
from core.risk.account import AccountView
from core.risk.limits import RiskLimits
from shared.src.domain.clock import Clock
from shared.src.domain.money import wire
from shared.src.domain.plain import plain_row


def create_router(
    *,
    store: DecisionStore,
    handler: SignalHandler,
    checker: PocketChecker,
    universe: Universe,
    clock: Clock,
    circuit: Callable[[], str],
) -> APIRouter:
    """Decisions, state and counters. ``circuit``: how the connection to the portfolio stands, in a word."""
    router = APIRouter()

    @router.get("/decisions", tags=["decisions"])
    async def decisions(
        symbol: Annotated[str | None, Query(pattern="^[A-Za-z0-9]{5,20}$")] = None,
        approved: bool | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> list[dict[str, Any]]:
        """Decisions, newest first, refusals with their reason."""
        rows = await store.latest(symbol=symbol.upper() if symbol else None, approved=approved, limit=limit)
        return [plain_row(row) for row in rows]

    @router.get("/decisions/{decision_id}", tags=["decisions"])
    async def decision(decision_id: str) -> dict[str, Any]:
        """One decision by its intent id or consensus id, with the votes behind it and the cycle after it."""
        row = await store.one(decision_id)
        if row is None:
            raise HTTPException(404, f"there is no decision {decision_id}")
        return plain_row(row)

    @router.get("/status", tags=["operations"])
    async def status() -> dict[str, Any]:
        """What is open, what is free, and whether entries are allowed."""
        state = _state(await checker.view(), checker.rules.limits, clock.now())
        return state | {"portfolio_circuit": circuit(), "waiting_for": handler.waiting_for}

    @router.get("/stats", tags=["operations"])
    async def stats() -> dict[str, Any]:
        """Counters since the start."""
        return handler.statistics()

    @router.get("/universe", tags=["decisions"])
    async def symbols() -> dict[str, Any]:
        """The symbols that may be traded, with what the exchange asks of an order."""
        return universe.shown()

    return router


def _state(view: AccountView, limits: RiskLimits, now: datetime) -> dict[str, Any]:
    return {
        "time": now.isoformat(),
        "entries_enabled": limits.entries_enabled,
        "pauses": dict(view.pauses),
        "halts": dict(view.halts),
        "open_positions": [cycle.symbol for cycle in view.cycles],
        "pending_entries": [entry.symbol for entry in view.pending],
        "max_concurrent_positions": limits.max_concurrent_positions,
        "capital": wire(view.capital),
        "pockets_available": {name: wire(free) for name, free in view.pockets.items()},
        "profit_today": wire(view.losses.day_result),
        "day_loss_percent": round(float(view.losses.day_percent), 4),
        "drawdown_percent": round(float(view.losses.drawdown_percent), 4),
        "max_daily_loss": wire(limits.max_daily_loss),
        "max_daily_loss_percent": wire(limits.max_daily_loss_percent),
        "max_drawdown_percent": wire(limits.max_drawdown_percent),
    }
