"""The exchange of the platform in one process, as services other than the trader see it.

A tape plays the market on the twin's engine; what is asked is answered by the twin's own endpoints and read by the code
that reads Binance's. The trader's side is ``trader.src.adapters.engine_exchange.EngineExchange``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.capital.differences import Trade, Trades
from core.capital.flows import Histories
from shared.src.domain.clock import Clock, to_ms
from shared.src.exchange.calls import Urgency
from shared.src.exchange.models import Balance
from simulator.api.calls import Call, perform
from simulator.api.params import Params
from simulator.api.rest.market import MARKET_ENDPOINTS
from simulator.api.rest.tickers import TICKER_ENDPOINTS
from simulator.api.state import TwinState
from simulator.engine.errors import ApiError
from simulator.engine.exchange import Engine
from simulator.tape import Tape
from trader.src.adapters.engine_exchange import EngineExchange
from trader.src.adapters.in_process import refusal

_ENDPOINTS = {
    endpoint.path.removeprefix("/api/v3/"): endpoint
    for endpoint in (*MARKET_ENDPOINTS, *TICKER_ENDPOINTS)
    if endpoint.path.startswith("/api/v3/")
}


class _TapeClock:
    """The platform's clock as the twin's endpoints want it."""

    mode = "stepped"
    speed = 0.0

    def __init__(self, clock: Clock) -> None:
        self.start_ms = clock.now_ms()
        self.now_ms = self.wall_ms = clock.now_ms


class TapeCalls:
    """Implements ``shared.src.exchange.market_data.PublicCalls``."""

    def __init__(self, tape: Tape, engine: Engine, clock: Clock) -> None:
        self._state = TwinState(engine, _TapeClock(clock), tape.market_data)

    async def public(
        self, path: str, params: Mapping[str, str], *, weight: int, urgency: Urgency = Urgency.BULK
    ) -> Any:
        endpoint, given = _ENDPOINTS[path], Params(params)
        try:
            endpoint.check_params(given)
            return perform(Call(self._state, endpoint, given, self._state.clock.now_ms()))
        except ApiError as error:
            raise refusal(error) from error


class TapeAccount:
    """Implements ``portfolio.src.ports.ExchangeAccount``: what the exchange itself says of the account."""

    def __init__(self, exchange: EngineExchange) -> None:
        self._exchange = exchange

    async def balances(self) -> dict[str, Balance]:
        return (await self._exchange.account()).balances

    async def trades(self, symbol: str, since: datetime) -> Trades | None:
        since_ms = to_ms(since)
        return {
            fill.trade_id: Trade(fill.quantity, fill.quote_quantity, fill.fee, fill.fee_asset)
            for fill in await self._exchange.trades(symbol)
            if fill.time_ms >= since_ms
        }

    async def flows(self, since: datetime) -> Histories:
        return Histories()

    async def close(self) -> None:
        """Nothing is open."""


class TapePrices:
    """Implements ``portfolio.src.ports.DatedPrices``: the middle of the tape's books."""

    def __init__(self, exchange: EngineExchange, symbols: Sequence[str]) -> None:
        self._exchange = exchange
        self._symbols = tuple(symbols)

    async def of_assets(self, assets: Iterable[str]) -> dict[str, Decimal]:
        wanted = tuple(assets)
        prices: dict[str, Decimal] = {}
        for symbol in self._symbols:
            ticker = await self._exchange.latest(symbol) if symbol.startswith(wanted) else None
            if ticker is not None:
                prices[symbol] = ticker.middle
        return prices

    async def at(self, assets: Iterable[str], moment: datetime) -> dict[str, Decimal]:
        """Those of now: in one process, what happened is valued in the moment after it."""
        return await self.of_assets(assets)
