"""Frames in, decisions out: four services in one process under a simulated clock decide as the offline command does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson

from analyzer.src import composition as analyzer
from analyzer.src.adapters.memory_features import MemoryStoredFeatures
from analyzer.src.adapters.memory_parameters import MemoryParameterStore
from analyzer.src.strategy_loader import BUILT_IN, StrategyLoader
from cli.offline.history_run import Strategist, decision_row
from core.consensus.bar_decision import rules_of
from core.features.replay import decided_on
from gateway.src import composition as gateway
from gateway.src.adapters.memory_producer import MemoryMarketProducer
from gateway.src.adapters.memory_socket import MemorySocket
from market_analyzer.src import composition as market_analyzer
from market_analyzer.src.adapters.memory_features import MemoryFeatureStore
from shared.memory.bus import InMemoryBus
from shared.memory.candles import MemoryCandleStore
from shared.memory.clock import SimulatedClock
from shared.memory.event_loop import run_simulated
from shared.memory.features import MemoryFeatureTable
from shared.memory.last_values import MemoryLastValues
from shared.memory.streams import MemoryStreams
from shared.src.config import Settings, load_settings
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms
from shared.src.market.recorded_history import RecordedHistory
from signal_aggregator.src import composition as signal_aggregator
from signal_aggregator.src.adapters.memory_signals import MemorySignalStore
from tests.integration.pipeline import recorded
from tests.unit.gateway.rig import ListedExchange

SYMBOLS = ("BTCUSDT", "ETHUSDT")
DAY_MS = Timeframe.D1.milliseconds
# the first bar of a day, so that every higher time frame is whole
START_MS = recorded.START // DAY_MS * DAY_MS
BARS = 450
STRATEGIES = StrategyLoader([BUILT_IN], environment={}).load().loaded


def minutes(symbol: str) -> list[Candle]:
    first = START_MS - recorded.START
    return [
        replace(candle, time=candle.time + first, taker_buy_base_asset_volume=Decimal(0))
        for candle in (recorded.candle(symbol, number) for number in range(BARS))
    ]


def frame(candle: Candle) -> bytes:
    """The frame of a closed minute as Binance's combined stream has it."""
    kline = {
        **{"t": candle.time, "T": candle.close_time, "s": candle.symbol, "i": "1m", "x": True},
        **{"o": str(candle.open), "h": str(candle.high), "l": str(candle.low), "c": str(candle.close)},
        **{"v": str(candle.volume), "q": str(candle.quote_asset_volume), "n": candle.number_of_trades},
        **{"V": str(candle.taker_buy_base_asset_volume), "Q": str(candle.taker_buy_quote_asset_volume)},
    }
    data = {"e": "kline", "E": candle.close_time + 1, "s": candle.symbol, "k": kline}
    return orjson.dumps({"stream": f"{candle.symbol.lower()}@kline_1m", "data": data})


class Platform:
    """From the gateway to the decisions, each service on a bus of its own over the same streams."""

    def __init__(self, settings: Settings, clock: SimulatedClock) -> None:
        streams, candles = MemoryStreams(), MemoryCandleStore()
        features = MemoryFeatureTable(candles)
        self.signals = MemorySignalStore(clock)
        self._buses = [InMemoryBus(streams) for _ in range(4)]
        gates = gateway.compose(
            settings=settings,
            clock=clock,
            exchange=ListedExchange(),
            producer=MemoryMarketProducer(self._buses[0], candles, clock),
            candles=candles,
            open_socket=MemorySocket,
            symbols=SYMBOLS,
        )
        assert isinstance(gates.socket, MemorySocket)
        self.socket = gates.socket
        self._parts = (
            gates,
            market_analyzer.compose(
                settings=settings,
                bus=self._buses[1],
                clock=clock,
                candles=candles,
                store=MemoryFeatureStore(features),
                values=MemoryLastValues(clock),
            ),
            analyzer.compose(
                settings=settings,
                bus=self._buses[2],
                clock=clock,
                strategies=STRATEGIES,
                symbols=SYMBOLS,
                parameters=MemoryParameterStore(clock),
                features=MemoryStoredFeatures(features),
            ),
            signal_aggregator.compose(settings=settings, bus=self._buses[3], clock=clock, store=self.signals),
        )

    def tasks(self) -> list[Callable[[], Any]]:
        return [task for part in self._parts for task in part.tasks().values()]


def run(settings: Settings, bars: Sequence[Candle]) -> list[dict[str, Any]]:
    """The decisions on these minutes, in the order of their ids."""

    async def main(clock: SimulatedClock) -> list[dict[str, Any]]:
        platform = Platform(settings, clock)
        running = [asyncio.ensure_future(task()) for task in platform.tasks()]
        for bar in bars:
            await clock.advance_to(max(bar.close_time + 1, clock.now_ms()))
            await platform.socket.deliver(frame(bar))
            await clock.settle()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        rows = await platform.signals.recent(symbol=None, accepted=None, limit=10_000)
        return sorted(rows, key=lambda row: str(row["id"]))

    return run_simulated(main, start=from_ms(START_MS))


def offline(settings: Settings) -> list[dict[str, Any]]:
    histories = [RecordedHistory(symbol, Timeframe.M1, tuple(minutes(symbol))) for symbol in SYMBOLS]
    strategist = Strategist(STRATEGIES, settings, decided_on(Timeframe.M1, settings.interval))
    rows = (decision_row(bar, rules_of(settings), settings.market_mode) for bar in strategist.votes(histories))
    return sorted((row for row in rows if row is not None), key=lambda row: str(row["id"]))


def test_the_services_in_one_process_decide_as_the_offline_command_does() -> None:
    settings = load_settings(trading_symbols=",".join(SYMBOLS), interval="1m,5m", min_votes=1)
    bars = sorted((bar for symbol in SYMBOLS for bar in minutes(symbol)), key=lambda bar: (bar.time, bar.symbol))
    decided, expected = run(settings, bars), offline(settings)
    names = (
        *("id", "symbol", "timeframe", "side", "accepted", "reason", "strategy", "strength", "confidence", "price"),
        *("stop_loss", "take_profit", "votes_count"),
    )
    assert [{name: row[name] for name in names} for row in decided] == [
        {name: row[name] for name in names} for row in expected
    ]
    assert {row["timeframe"] for row in decided} == {"1m", "5m"}
    assert any(row["accepted"] for row in decided)


def test_the_same_frames_decide_the_same_again() -> None:
    settings = load_settings(trading_symbols=",".join(SYMBOLS), interval="1m", min_votes=1)
    bars = sorted((bar for symbol in SYMBOLS for bar in minutes(symbol)[:150]), key=lambda bar: (bar.time, bar.symbol))
    assert run(settings, bars) == run(settings, bars)
