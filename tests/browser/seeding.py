"""A market and a trading history to look at: seeded, so that every run shows the same."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

import orjson

from shared.src.database import Database
from shared.src.domain.candles import MINUTE_MS, Candle, Timeframe
from shared.src.domain.clock import from_ms, to_ms
from shared.src.sql import text

STRATEGIES = {
    "ema_cross": "trend",
    "macd_crossover": "momentum",
    "rsi_cross": "mean_reversion",
    "bollinger_touch": "mean_reversion",
    "donchian_breakout": "breakout",
}
PRICES = {
    "BTC": "67250",
    "ETH": "3480",
    "SOL": "148",
    "XRP": "0.62",
    "ADA": "0.48",
    "LINK": "14.9",
    "DOGE": "0.1304",
    "AVAX": "34.1",
    "PEPE": "0.0000118",
    "AAVE": "96.5",
    "NEAR": "6.12",
    "ATOM": "8.4",
}
SYMBOLS = tuple(f"{base}USDC" for base in PRICES)
HISTORY_MINUTES = 720
CAPITAL = Decimal(10_000)


def rounded(value: float, like: Decimal) -> Decimal:
    """A price with five significant digits or so, as its market quotes."""
    places = max(2, 4 - math.floor(math.log10(float(like))))
    return Decimal(f"{value:.{places}f}")


class Walk:
    """A random walk with a slow swing, minute by minute."""

    def __init__(self, base: str, start_ms: int) -> None:
        self.symbol = f"{base}USDC"
        self._random = random.Random(base)
        self._price = float(PRICES[base])
        self._like = Decimal(PRICES[base])
        self._time = start_ms
        self._phase = self._random.uniform(0, math.tau)
        self._minute = 0

    def next(self) -> Candle:
        """The next closed minute."""
        swing = math.sin(self._minute / 95 + self._phase) * 0.00035
        opened = self._price
        path = [opened]
        for _ in range(6):
            path.append(path[-1] * (1 + swing / 6 + self._random.gauss(0, 0.00045)))
        self._price = path[-1]
        prices = [rounded(price, self._like) for price in path]
        volume = Decimal(f"{abs(self._random.gauss(1, 0.6)) * 60_000 / float(self._like):.4f}")
        candle = Candle(
            symbol=self.symbol,
            timeframe=Timeframe.M1,
            time=self._time,
            open=prices[0],
            high=max(prices),
            low=min(prices),
            close=prices[-1],
            volume=volume,
            quote_asset_volume=volume * prices[-1],
            number_of_trades=self._random.randint(20, 400),
        )
        self._time += MINUTE_MS
        self._minute += 1
        return candle


@dataclass
class Seeded:
    """What was written, for the tests to compare with."""

    now: datetime
    walks: dict[str, Walk]
    candles: dict[str, list[Candle]] = field(default_factory=dict)
    open_cycles: list[str] = field(default_factory=list)
    completed: int = 0
    profit: Decimal = Decimal(0)


async def seed(database: Database, now: datetime) -> Seeded:
    """Fill a migrated database with twelve hours of twelve symbols, and of trading them."""
    start_ms = to_ms(now) - HISTORY_MINUTES * MINUTE_MS
    walks = {f"{base}USDC": Walk(base, start_ms) for base in PRICES}
    seeded = Seeded(now, walks)
    for symbol, walk in walks.items():
        seeded.candles[symbol] = [walk.next() for _ in range(HISTORY_MINUTES)]
        await _write_market(database, seeded.candles[symbol])
    await _write_trading(database, seeded)
    await _write_capital(database, seeded)
    return seeded


async def _insert(database: Database, table: str, rows: list[dict[str, Any]]) -> None:
    columns = list(rows[0])
    values = ", ".join(f"CAST(:{name} AS jsonb)" if name in {"votes", "intent"} else f":{name}" for name in columns)
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"
    async with database.begin() as connection:
        await connection.execute(text(statement), rows)


async def _write_market(database: Database, candles: list[Candle]) -> None:
    await _insert(
        database,
        "market_data",
        [
            {
                "time": from_ms(candle.time),
                "symbol": candle.symbol,
                "timeframe": "1m",
                "open": candle.open,
                "high": candle.high,
                "low": candle.low,
                "close": candle.close,
                "volume": candle.volume,
                "quote_asset_volume": candle.quote_asset_volume,
                "number_of_trades": candle.number_of_trades,
            }
            for candle in candles
        ],
    )
    await _insert(database, "analyzer_data", list(_indicators(candles)))


def _indicators(candles: list[Candle]) -> Iterator[dict[str, Any]]:
    averages = {12: float(candles[0].close), 26: float(candles[0].close), 50: float(candles[0].close)}
    gain = loss = 1e-9
    signal, before = 0.0, float(candles[0].close)
    for index, candle in enumerate(candles):
        close = float(candle.close)
        averages = {n: value + (close - value) * 2 / (n + 1) for n, value in averages.items()}
        change, before = close - before, close
        gain, loss = gain + (max(change, 0) - gain) / 14, loss + (max(-change, 0) - loss) / 14
        macd = averages[12] - averages[26]
        signal += (macd - signal) * 2 / 10
        recent = [float(each.close) for each in candles[max(0, index - 19) : index + 1]]
        middle = sum(recent) / len(recent)
        width = 2 * math.sqrt(sum((each - middle) ** 2 for each in recent) / len(recent))
        yield {
            "time": from_ms(candle.time),
            "symbol": candle.symbol,
            "timeframe": "1m",
            **{f"ema_{n}": value if index >= n - 1 else None for n, value in averages.items()},
            "rsi_14": 100 - 100 / (1 + gain / max(loss, 1e-9)) if index > 14 else None,
            "macd_line": macd if index > 25 else None,
            "macd_signal": signal if index > 33 else None,
            "macd_histogram": macd - signal if index > 33 else None,
            "bb_upper": middle + width if index > 18 else None,
            "bb_middle": middle if index > 18 else None,
            "bb_lower": middle - width if index > 18 else None,
        }


async def _write_trading(database: Database, seeded: Seeded) -> None:
    chance = random.Random(7)
    for number in range(34):
        symbol = SYMBOLS[number % len(SYMBOLS)]
        entry = 60 + number * 18
        await _write_cycle(database, seeded, symbol, number, entry, exit_at=entry + chance.randint(9, 55))
    for number, symbol in enumerate(("BTCUSDC", "ETHUSDC", "SOLUSDC", "LINKUSDC"), start=100):
        await _write_cycle(database, seeded, symbol, number, HISTORY_MINUTES - 14 - 7 * (number - 100), exit_at=None)
    for number in range(6):
        symbol = SYMBOLS[(number * 5 + 3) % len(SYMBOLS)]
        await _write_signal(database, seeded, symbol, 300 + number, HISTORY_MINUTES - 9 - number * 21, approved=False)


async def _write_signal(
    database: Database, seeded: Seeded, symbol: str, number: int, minute: int, *, approved: bool
) -> None:
    chance = random.Random(number)
    candle = seeded.candles[symbol][minute]
    agreeing = chance.sample(sorted(STRATEGIES), chance.randint(2, 4))
    votes = [
        {
            "strategy": name,
            "family": STRATEGIES[name],
            "side": "BUY",
            "strength": round(chance.uniform(0.45, 0.95), 2),
            "level": "STRONG",
            "confidence": round(chance.uniform(0.5, 0.9), 2),
            "reason": f"{name.replace('_', ' ')} on the closed bar",
        }
        for name in agreeing
    ]
    strength = round(chance.uniform(0.5, 0.9), 2)
    when = from_ms(candle.time)
    signal_id, intent_id = f"sig-{number}", f"int-{number}"
    await _insert(
        database,
        "trading_signals",
        [
            {
                "id": signal_id,
                "strategy": agreeing[0],
                "symbol": symbol,
                "timeframe": "1m",
                "side": "BUY",
                "timestamp": when,
                "strength": strength,
                "level": "STRONG" if strength >= 0.6 else "MODERATE",
                "confidence": 0.7,
                "price": candle.close,
                "accepted": True,
                "reason": f"{len(agreeing)} strategies of {len({STRATEGIES[a] for a in agreeing})} families agree",
                "votes": orjson.dumps(votes).decode(),
                "votes_count": len(votes),
                "processed": True,
            }
        ],
    )
    await _insert(
        database,
        "decisions",
        [
            {
                "intent_id": intent_id,
                "consensus_id": signal_id,
                "symbol": symbol,
                "side": "BUY",
                "kind": "entry",
                "approved": approved,
                "intent": "{}" if approved else None,
                "published": approved,
                "reason": "sized by risk" if approved else "5 positions are open, the limit is 5",
                "decided_at": when + timedelta(seconds=60),
            }
        ],
    )


async def _write_cycle(
    database: Database, seeded: Seeded, symbol: str, number: int, entry_minute: int, *, exit_at: int | None
) -> None:
    await _write_signal(database, seeded, symbol, number, entry_minute, approved=True)
    candles = seeded.candles[symbol]
    opened = candles[entry_minute]
    price = opened.close
    quantity = (Decimal(450) / price).quantize(Decimal("0.00001"), rounding=ROUND_DOWN)
    like = Decimal(PRICES[symbol.removesuffix("USDC")])
    stop = rounded(float(price) * 0.988, like)
    target = rounded(float(price) * 1.017, like)
    opened_at = from_ms(opened.time) + timedelta(seconds=61)
    cycle = {
        "id": f"cyc-{number}",
        "intent_id": f"int-{number}",
        "symbol": symbol,
        "strategy": sorted(STRATEGIES)[number % len(STRATEGIES)],
        "status": "active_buy",
        "side": "BUY",
        "entry_price": price,
        "exit_price": None,
        "quantity": quantity,
        "exit_quantity": Decimal(0),
        "stop_price": stop,
        "take_profit_price": target,
        "fees": price * quantity / 1000,
        "profit_loss": None,
        "profit_loss_percent": None,
        "exit_reason": "",
        "protected_at": opened_at,
        "demo": True,
        "opened_at": opened_at,
        "created_at": opened_at,
        "updated_at": opened_at,
        "completed_at": None,
    }
    fills = [("entry", "BUY", price, opened_at)]
    if exit_at is None:
        seeded.open_cycles.append(str(cycle["id"]))
    else:
        closed = candles[min(exit_at, HISTORY_MINUTES - 2)]
        fees = (price + closed.close) * quantity / 1000
        result = round((closed.close - price) * quantity - fees, 8)
        reason = "take_profit" if result > 0 else "stop_loss"
        closed_at = from_ms(closed.time) + timedelta(seconds=61)
        cycle |= {
            "status": "completed",
            "exit_price": closed.close,
            "exit_quantity": quantity,
            "fees": fees,
            "profit_loss": result,
            "profit_loss_percent": result / (price * quantity) * 100,
            "exit_reason": reason,
            "completed_at": closed_at,
            "updated_at": closed_at,
        }
        fills.append((reason, "SELL", closed.close, closed_at))
        seeded.completed += 1
        seeded.profit += result
    await _insert(database, "trade_cycles", [cycle])
    for place, (purpose, side, at_price, at) in enumerate(fills):
        await _write_fill(database, cycle, number * 10 + place, purpose, side, at_price, at)
    if exit_at is None:
        await _write_protection(database, cycle, number * 10 + 5, opened_at)


def _order(cycle: dict[str, Any], number: int, purpose: str, side: str, at: datetime) -> dict[str, Any]:
    return {
        "client_order_id": f"rt-{number}",
        "intent_id": cycle["intent_id"],
        "cycle_id": cycle["id"],
        "purpose": purpose,
        "exchange_order_id": 5000 + number,
        "symbol": cycle["symbol"],
        "side": side,
        "type": "MARKET",
        "quantity": cycle["quantity"],
        "price": None,
        "stop_price": None,
        "executed_quantity": Decimal(0),
        "executed_quote": Decimal(0),
        "status": "NEW",
        "demo": True,
        "created_at": at,
        "updated_at": at,
    }


async def _write_fill(
    database: Database, cycle: dict[str, Any], number: int, purpose: str, side: str, price: Decimal, at: datetime
) -> None:
    quote = price * cycle["quantity"]
    order = _order(cycle, number, purpose, side, at) | {
        "executed_quantity": cycle["quantity"],
        "executed_quote": quote,
        "status": "FILLED",
    }
    await _insert(database, "orders", [order])
    await _insert(
        database,
        "trade_executions",
        [
            {
                "id": f"{cycle['symbol']}-{number}",
                "order_id": str(order["exchange_order_id"]),
                "client_order_id": order["client_order_id"],
                "trade_id": number,
                "cycle_id": cycle["id"],
                "symbol": cycle["symbol"],
                "side": side,
                "price": price,
                "quantity": cycle["quantity"],
                "quote_quantity": quote,
                "fee": quote / 1000,
                "fee_asset": "USDC",
                "role": "taker",
                "purpose": purpose,
                "strategy": cycle["strategy"],
                "demo": True,
                "timestamp": at,
            }
        ],
    )


async def _write_protection(database: Database, cycle: dict[str, Any], number: int, at: datetime) -> None:
    stop = _order(cycle, number, "stop_loss", "SELL", at) | {
        "type": "STOP_LOSS_LIMIT",
        "price": cycle["stop_price"],
        "stop_price": cycle["stop_price"],
    }
    target = _order(cycle, number + 1, "take_profit", "SELL", at) | {
        "type": "LIMIT_MAKER",
        "price": cycle["take_profit_price"],
    }
    await _insert(database, "orders", [stop])
    await _insert(database, "orders", [target])


async def _write_capital(database: Database, seeded: Seeded) -> None:
    held: dict[str, Decimal] = {}
    spent = Decimal(0)
    async with database.begin() as connection:
        rows = await connection.execute(
            text("SELECT symbol, quantity, entry_price FROM trade_cycles WHERE status = 'active_buy'")
        )
        for row in rows:
            held[row.symbol.removesuffix("USDC")] = row.quantity
            spent += row.quantity * row.entry_price
    cash = CAPITAL + seeded.profit - spent
    wallets = [{"asset": "USDC", "free": cash, "locked": Decimal(0), "updated_at": seeded.now}]
    wallets += [
        {"asset": asset, "free": Decimal(0), "locked": amount, "updated_at": seeded.now}
        for asset, amount in held.items()
    ]
    await _insert(database, "wallets", wallets)
    total = CAPITAL + seeded.profit
    shares = {"active": 60, "buffer": 30, "safety": 10}
    await _insert(
        database,
        "capital_pockets",
        [
            {
                "pocket": name,
                "share_percent": Decimal(share),
                "total": total * share / 100,
                "reserved": Decimal(320) if name == "active" else Decimal(0),
                "used": spent if name == "active" else Decimal(0),
                "updated_at": seeded.now,
            }
            for name, share in shares.items()
        ],
    )
    await _insert(database, "equity_points", [row async for row in _points(database, seeded)])


async def _points(database: Database, seeded: Seeded) -> Any:
    async with database.begin() as connection:
        rows = await connection.execute(
            text("SELECT completed_at, profit_loss FROM trade_cycles WHERE status = 'completed' ORDER BY completed_at")
        )
        results = [(row.completed_at, row.profit_loss) for row in rows]
    for minute in range(0, HISTORY_MINUTES, 6):
        at = seeded.now - timedelta(minutes=HISTORY_MINUTES - minute)
        value = CAPITAL + sum((result for when, result in results if when <= at), Decimal(0))
        yield {"time": at, "equity": value, "flow": Decimal(0), "return_index": value / CAPITAL}
