"""Runs the market monitors: prices in, what is out of line out. Nothing here can place an order.

Best bid and ask come from the ticks that the platform keeps. Funding rates and futures prices come from
Binance's public futures data, and only where FUTURES_DATA_URL says so; an answer that fails is noted and asked for
again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson
from prometheus_client import Gauge

from analyzer.src.ports import FuturesSource
from analyzer.src.strategy_loader import LoadedStrategy
from analyzer.strategies.market_monitors import MarketMonitor
from core.risk.fees import FeeModel
from shared.src.bus.ports import LastValue, LastValues
from shared.src.contracts.topics import KAFKA_TICK, MONITOR_KEY, TICK_KEY
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, TransientError

logger = logging.getLogger(__name__)

EVERY_S: Final = 5.0
FUTURES_EVERY_S: Final = 60.0
# a price older than this, in market time, is not one to compare with
TICK_AGE_MS_MAX: Final = 60_000
KEPT_S: Final = 60
OBSERVATIONS_MAX: Final = 50
QUOTES: Final = ("USDT", "USDC", "FDUSD", "BTC", "ETH", "BNB", "EUR")
DELIVERY: Final = re.compile(r"^([A-Z0-9]+)_(\d{6})$")

WIDEST = Gauge("roottrading_monitor_widest_percent", "widest gap a market monitor sees, after costs", ["monitor"])
Books = dict[str, tuple[float, float]]


class MonitorRunner:
    """Lets every monitor look at regular times and keeps what it saw last. ``futures`` is None where nobody is to be
    asked for them.
    """

    def __init__(
        self,
        strategies: Sequence[LoadedStrategy],
        values: LastValues,
        clock: Clock,
        *,
        symbols: Sequence[str],
        futures: FuturesSource | None,
        fees: FeeModel,
    ) -> None:
        made = [loaded.create() for loaded in strategies]
        self._monitors = [monitor for monitor in made if isinstance(monitor, MarketMonitor)]
        self._values = values
        self._clock = clock
        self._fees = fees
        self._coins = {base_of(symbol) for symbol in symbols}
        self._source = futures
        self._futures: dict[str, Any] = {}
        self._futures_state = "waiting" if futures is not None else "off: FUTURES_DATA_URL is not set"
        self._futures_due = 0.0
        self._report: list[dict[str, Any]] = []

    @property
    def report(self) -> list[dict[str, Any]]:
        """Per monitor: what it watches and what is out of line, widest first."""
        return self._report

    async def run(self) -> None:
        """Look for as long as the service runs."""
        while True:
            try:
                await self.look()
            except TransientError as error:
                logger.warning("monitors cannot look", extra={"reason": str(error)})
            await self._clock.sleep(EVERY_S)

    async def look(self) -> None:
        """Let every monitor look once, at futures as they were told in the last minute.

        Raises:
            TransientError: the ticks cannot be read, or what was seen cannot be kept.
        """
        if self._source is not None and self._clock.monotonic() >= self._futures_due:
            await self._ask_futures(self._source)
        data = {"books": await self._books(), "taker_fee": self._fees.taker, **self._futures}
        self._report = [self._seen_by(monitor, data) for monitor in self._monitors]
        document = {"at": self._clock.now().isoformat(), "monitors": self._report}
        await self._values.put([LastValue(MONITOR_KEY, orjson.dumps(document), keep_s=KEPT_S)])

    def _seen_by(self, monitor: MarketMonitor, data: Mapping[str, Any]) -> dict[str, Any]:
        seen = monitor.observe(dict(data))[:OBSERVATIONS_MAX]
        WIDEST.labels(monitor.name).set(seen[0].percent if seen else 0.0)
        needs_futures = monitor.reads != "books"
        return {
            "monitor": monitor.name,
            "watches": monitor.watched(data),
            "state": self._futures_state if needs_futures else "ok",
            "threshold_percent": monitor.threshold_percent,
            "observations": [asdict(one) for one in seen],
        }

    async def _books(self) -> Books:
        ticks = await self._values.matching(TICK_KEY.format(symbol="*"))
        return books_of(ticks.values(), self._clock.now_ms())

    async def _ask_futures(self, source: FuturesSource) -> None:
        self._futures_due = self._clock.monotonic() + FUTURES_EVERY_S
        try:
            self._futures, self._futures_state = futures_of(await source.premium_index(), self._coins), "ok"
        except (TransientError, ValueError, KeyError, TypeError) as error:
            # what was known is old by now, and an old rate reads as a gap
            self._futures, self._futures_state = {}, f"no answer: {type(error).__name__}: {error}"
            logger.warning("futures data not read", extra={"reason": str(error)})


def base_of(symbol: str) -> str:
    """The coin of a symbol: BTCUSDC is of BTC."""
    return next((symbol.removesuffix(quote) for quote in QUOTES if symbol.endswith(quote)), symbol)


def books_of(raws: Iterable[bytes], now_ms: int) -> Books:
    """Best bid and ask by symbol, of the ticks that are not old."""
    books: Books = {}
    for raw in raws:
        try:
            tick = KAFKA_TICK.decode(raw)
        except ContractError:
            continue
        if now_ms - int(tick.occurred_at.timestamp() * 1000) <= TICK_AGE_MS_MAX:
            books[tick.symbol] = (float(tick.bid), float(tick.ask))
    return books


def futures_of(rows: Sequence[Mapping[str, Any]], coins: set[str]) -> dict[str, Any]:
    """Funding rates of the coins' perpetuals, and their price beside that of each delivery contract.

    Raises:
        ValueError, KeyError, TypeError: not an answer of the endpoint.
    """
    marks = {str(row["symbol"]): float(row["markPrice"]) for row in rows}
    funding = {
        str(row["symbol"]): float(row["lastFundingRate"])
        for row in rows
        if row.get("lastFundingRate") and "_" not in row["symbol"] and base_of(row["symbol"]) in coins
    }
    spreads = {}
    for symbol, mark in marks.items():
        contract = DELIVERY.match(symbol)
        if contract and contract[1] in marks and base_of(contract[1]) in coins:
            spreads[symbol] = (marks[contract[1]], mark)
    return {"funding": funding, "futures": spreads}
