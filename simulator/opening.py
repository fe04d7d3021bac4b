"""The opening of a market: its symbols listed on an exchange, each with the candles and the last trades of its past."""

from decimal import Decimal

import numpy as np

from shared.src.domain.orders import Side
from simulator.assembly import decimals_of
from simulator.engine.core import unused_id
from simulator.engine.exchange import Engine
from simulator.engine.rules import MarketRules
from simulator.fixture import Fixture
from simulator.market import series as column
from simulator.market.candle_store import TwinCandles
from simulator.market.clock import ClockMode, wall_ms
from simulator.market.source import History, MarketSource

# Minutes whose trades are on the tape when the market opens
PAST_MINUTES = 15


def first_id(fixture: Fixture) -> int:
    """Where the exchange's ids start; see ADR 6."""
    if fixture.first_id is not None:
        return fixture.first_id
    return 1 if fixture.clock.mode is ClockMode.STEPPED else unused_id(wall_ms())


def open_market(fixture: Fixture, exchange: Engine, source: MarketSource, start_ms: int) -> TwinCandles:
    """List the fixture's symbols as they stand at ``start_ms``; returns their candles so far.

    Raises ValueError for a symbol that is listed already, or rules that make no sense.
    """
    candles = TwinCandles()
    for symbol in fixture.symbols:
        rules = MarketRules.create(
            symbol.symbol,
            symbol.base,
            symbol.quote,
            symbol.filters,
            status=symbol.status,
            price_range_rule=symbol.rules[0].rule() if symbol.rules else None,
        )
        price = source.price(rules.symbol)
        exchange.add_symbol(rules, price)
        own = candles.add_symbol(rules.symbol, decimals=decimals_of(rules), start_ms=start_ms, price=price)
        history = numbered(source.history(rules.symbol), exchange.core.first_id)
        own.load(history.minutes, history.hours)
        own.roll(start_ms)
        _print_past(exchange, rules, history)
        exchange.set_liquidity(symbol.symbol, symbol.bids, symbol.asks, start_ms)
        if "reference_price" in symbol.model_fields_set:
            exchange.set_reference_price(symbol.symbol, symbol.reference_price, start_ms)
    exchange.set_exchange_filters(fixture.exchange_filters)
    return candles


def numbered(history: History, first_id: int = 1) -> History:
    """The same past with a trade id for every trade its candles count, older candles first; they end below ``first_id``
    if there are that many numbers."""
    total = sum(int(rows[:, column.COUNT].sum()) for rows in (history.hours, history.minutes) if len(rows))
    last_id = history.trades_before or max(0, first_id - 1 - total)
    for rows in (history.hours, history.minutes):
        if not len(rows):
            continue
        counts = rows[:, column.COUNT]
        ends = last_id + np.cumsum(counts)
        rows[:, column.FIRST_ID] = np.where(counts > 0, ends - counts + 1, column.NO_ID)
        rows[:, column.LAST_ID] = np.where(counts > 0, ends, column.NO_ID)
        last_id = int(ends[-1])
    history.last_id = last_id
    return history


def _print_past(exchange: Engine, rules: MarketRules, history: History) -> None:
    """Put the trades of the last minutes on the tape: an exchange that just opened would have none."""
    decimals = decimals_of(rules)
    step = rules.lot.step or Decimal(1).scaleb(-decimals)
    tape, last_id = exchange.market(rules.symbol).tape, history.last_id
    tape.next_trade_id = max(1, last_id + 1 - 4 * PAST_MINUTES)
    for row in history.minutes[-PAST_MINUTES:].tolist():
        quantity = Decimal(row[column.VOLUME]).scaleb(-decimals) // 4 // step * step
        if not quantity:
            continue
        for place, name in enumerate((column.OPEN, column.HIGH, column.LOW, column.CLOSE)):
            price = Decimal(row[name]).scaleb(-8)
            time_ms = row[column.OPEN_MS] + place * 15_000
            exchange.outside_trade(rules.symbol, Side.BUY, quantity, time_ms, price=price, print_rest=True)
    # the candles know these trades already, and count more than are on the tape
    tape.next_trade_id = max(tape.next_trade_id, last_id + 1)
    exchange.drain()
