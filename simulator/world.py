"""What a fixture turns into: exchange, clock, candles, keys and the source of outside trades. A reset replaces it
whole."""

from decimal import Decimal

import numpy as np

from simulator.api.auth import ApiKey, generate_key, load_key
from simulator.api.limits import RateLimits
from simulator.assembly import build_source, decimals_of, listed, open_mirror, profiles_of
from simulator.engine.core import unused_id
from simulator.engine.exchange import Engine
from simulator.engine.orders import Side
from simulator.engine.rules import MarketRules
from simulator.fixture import AccountPart, Fixture
from simulator.market import series as column
from simulator.market.candles import CandleStore
from simulator.market.clock import ClockMode, MarketClock, wall_ms
from simulator.market.source import History

# Minutes whose trades are on the tape when the market opens
PAST_MINUTES = 15


def numbered(history: History, first_id: int = 1) -> History:
    """The same past with a trade id for every trade its candles count, older candles first; they end below `first_id`
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


def _first_id(fixture: Fixture) -> int:
    """See ADR 6."""
    if fixture.first_id is not None:
        return fixture.first_id
    return 1 if fixture.clock.mode is ClockMode.STEPPED else unused_id(wall_ms())


class World:
    """Built from a fixture; `start_ms` is where the market started in an earlier life.

    Raises FixtureError or ValueError when the fixture makes no sense, TransientError when the exchange to mirror does
    not answer.
    """

    def __init__(self, fixture: Fixture, *, start_ms: int | None = None) -> None:
        mirror = open_mirror(fixture)
        if mirror is not None:
            fixture = listed(fixture, mirror)
        self.fixture = fixture
        self.profiles = profiles_of(fixture)
        self.source, start_ms = build_source(fixture, self.profiles, start_ms, mirror)
        self.clock = MarketClock(fixture.clock.mode, speed=fixture.clock.speed, start_ms=start_ms)
        self.exchange = Engine(first_id=_first_id(fixture), history=fixture.history)
        self.candles = CandleStore()
        self.keys: dict[str, ApiKey] = {}
        part = fixture.limits
        self.limits = RateLimits(part.weight_1m, part.orders_10s, part.orders_1d, part.raw_5m)
        for symbol in fixture.symbols:
            rules = MarketRules.create(
                symbol.symbol, symbol.base, symbol.quote, symbol.filters, status=symbol.status,
                price_range_rule=symbol.rules[0].rule() if symbol.rules else None,
            )  # fmt: skip
            self._list(rules)
            self.exchange.set_liquidity(symbol.symbol, symbol.bids, symbol.asks, start_ms)
            if "reference_price" in symbol.model_fields_set:
                self.exchange.set_reference_price(symbol.symbol, symbol.reference_price, start_ms)
        self.exchange.set_exchange_filters(fixture.exchange_filters)
        for account in fixture.accounts:
            self.open_account(account)

    def _list(self, rules: MarketRules) -> None:
        """Add a symbol with its candles so far."""
        price = self.source.price(rules.symbol)
        self.exchange.add_symbol(rules, price)
        now = self.clock.start_ms
        candles = self.candles.add_symbol(rules.symbol, decimals=decimals_of(rules), start_ms=now, price=price)
        history = numbered(self.source.history(rules.symbol), self.exchange.core.first_id)
        candles.load(history.minutes, history.hours)
        candles.roll(now)
        self._print_past(rules, history)

    def _print_past(self, rules: MarketRules, history: History) -> None:
        """Put the trades of the last minutes on the tape: an exchange that just opened would have none."""
        decimals = decimals_of(rules)
        step = rules.lot.step or Decimal(1).scaleb(-decimals)
        tape, last_id = self.exchange.market(rules.symbol).tape, history.last_id
        tape.next_trade_id = max(1, last_id + 1 - 4 * PAST_MINUTES)
        for row in history.minutes[-PAST_MINUTES:].tolist():
            quantity = Decimal(row[column.VOLUME]).scaleb(-decimals) // 4 // step * step
            if not quantity:
                continue
            for place, name in enumerate((column.OPEN, column.HIGH, column.LOW, column.CLOSE)):
                price = Decimal(row[name]).scaleb(-8)
                time_ms = row[column.OPEN_MS] + place * 15_000
                self.exchange.outside_trade(rules.symbol, Side.BUY, quantity, time_ms, price=price, print_rest=True)
        # the candles know these trades already, and count more than are on the tape
        tape.next_trade_id = max(tape.next_trade_id, last_id + 1)
        self.exchange.drain()

    def open_account(self, part: AccountPart) -> ApiKey:
        """Open an account; returns its key. Raises ValueError when the name is taken."""
        account = self.exchange.add_account(
            part.name, part.balances, part.maker, part.taker, bnb_discount=part.bnb_discount
        )
        account.can_withdraw = part.can_withdraw
        account.max_assets = dict(part.max_assets)
        if part.api_key and part.secret_key:
            key = load_key(part.name, part.api_key, part.secret_key, part.key_type)
        else:
            key = generate_key(part.name, part.key_type, seed=str(self.fixture.seed))
        self.keys[key.api_key] = key
        return key

    @property
    def has_outside(self) -> bool:
        """False for a still market, where nothing trades by itself."""
        return self.fixture.market.kind != "still"
