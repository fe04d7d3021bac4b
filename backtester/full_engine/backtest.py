"""A plan run on the whole platform in one process: every service, on recorded bars instead of a live exchange."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any, Final

from backtester.fast_engine.engine import END, kind_of_refusal
from backtester.fast_engine.fills import INSIDE_MS, Doubt, RecordedMarket
from backtester.full_engine.platform import Stores
from backtester.full_engine.recorded_player import recorded_tape
from backtester.full_engine.run import Schedule, run
from backtester.listings import listing_of
from backtester.plan import BacktestPlan
from backtester.results import BacktestTrade, CashFlow, RunOutcome
from core.features.replay import decided_on
from core.positions.model import Cycle, Fill
from core.positions.position import Position
from shared.src.domain.candles import MINUTE_MS
from shared.src.domain.clock import from_ms, to_ms
from shared.src.domain.errors import ConfigurationError
from shared.src.domain.money import ZERO, wire
from shared.src.domain.orders import CycleStatus, Side
from simulator.fixture import Fixture, parse_fixture

Tick = Callable[[int], None]
ACCOUNT: Final = "backtest"
EVERYTHING: Final = 1 << 62


def run_full(plan: BacktestPlan, tick: Tick = lambda close_ms: None) -> tuple[RunOutcome, RunOutcome]:
    """The outcome with the worse of two exits wherever a bar does not say which came first, and with the better one.

    Raises:
        ConfigurationError: the bars are no whole minutes, or the platform does not decide on them.
    """
    base = plan.histories[0].timeframe
    if base.milliseconds % MINUTE_MS:
        raise ConfigurationError(f"the full engine plays minutes, not bars of {base.value}")
    worse = _run(plan, Doubt.STOP, tick)
    return worse, _run(plan, Doubt.TARGET, tick) if worse.ambiguous else worse


def _run(plan: BacktestPlan, doubt: Doubt, tick: Tick) -> RunOutcome:
    fills = replace(plan.fills, doubt=doubt)
    markets = {each.symbol: RecordedMarket(listing_of(each), each.candles, fills) for each in plan.histories}
    first_ms = min(each.candles[0].time for each in plan.histories)
    minutes = (plan.until_ms - first_ms) // MINUTE_MS
    decided = decided_on(plan.histories[0].timeframe, plan.settings.interval)
    done = run(
        _fixture(plan, markets, first_ms),
        plan.settings.model_copy(update={"interval": decided}),
        plan.strategies,
        minutes=minutes,
        schedule=Schedule(entries_from_ms=plan.since_ms, age_max_ms=plan.settings.max_holding_minutes * MINUTE_MS),
        make_tape=lambda fixture, engine: recorded_tape(fixture, engine, markets, doubt=doubt),
        tick=_minutes_of(first_ms, tick),
    )
    return asyncio.run(_outcome(plan, done.stores, markets))


def _minutes_of(first_ms: int, tick: Tick) -> Callable[[], None]:
    """Called once a minute, it tells how far the market is."""
    minute = count(1)
    return lambda: tick(first_ms + next(minute) * MINUTE_MS)


def _fixture(plan: BacktestPlan, markets: Mapping[str, RecordedMarket], first_ms: int) -> Fixture:
    fee = wire(plan.fee)
    listings = [market.listing for market in markets.values()]
    return parse_fixture(
        {
            "clock": {"mode": "stepped", "start": from_ms(first_ms).isoformat()},
            "market": {"kind": "still"},
            "symbols": [
                {
                    "symbol": listing.rules.symbol,
                    "base": listing.rules.base,
                    "quote": listing.rules.quote,
                    "last_price": wire(listing.profile.price),
                    "filters": list(listing.filters),
                }
                for listing in listings
            ],
            "accounts": [
                {
                    "name": ACCOUNT,
                    "balances": {plan.quote: wire(plan.capital)},
                    "maker": fee,
                    "taker": fee,
                    "key_type": "HMAC",
                }
            ],
        }
    )


async def _outcome(plan: BacktestPlan, stores: Stores, markets: Mapping[str, RecordedMarket]) -> RunOutcome:
    trades: list[BacktestTrade] = []
    flows: list[CashFlow] = []
    for cycle in stores.trades.all_cycles():
        market = markets[cycle.symbol]
        fills = list((await stores.trades.view(cycle.id)).fills)
        if not fills:
            continue
        if cycle.status is not CycleStatus.COMPLETED:
            fills.append(_last_sale(fills, market, plan.fee))
        flows += [_flow(fill, market) for fill in fills]
        trades.append(_trade(cycle, fills, market))
    decisions = await stores.decisions.latest(symbol=None, approved=None, limit=EVERYTHING)
    listed = await stores.signals.recent(symbol=None, accepted=None, limit=EVERYTHING)
    signals = [row for each in listed if (row := await stores.signals.one(each["id"])) is not None]
    return RunOutcome(
        trades=sorted(trades, key=lambda trade: (trade.closed_ms, trade.symbol)),
        flows=sorted(flows, key=lambda flow: flow.time_ms),
        votes=_votes(signals),
        made=sum(row["approved"] for row in decisions),
        refused=_refused(signals, decisions),
    )


def _last_sale(fills: Sequence[Fill], market: RecordedMarket, fee: Decimal) -> Fill:
    """What the end of the data finds open is counted at what it would have brought."""
    rules, leaving = market.listing.rules, market.last_sale(END)
    quantity = rules.floor_quantity(Position.of(fills, rules.base).held, market=True)
    amount = quantity * leaving.price
    return replace(
        fills[-1],
        side=Side.SELL,
        price=leaving.price,
        quantity=quantity,
        quote_quantity=amount,
        fee=amount * fee,
        fee_asset=rules.quote,
        fee_quote=amount * fee,
        at=from_ms(leaving.at_ms),
    )


def _flow(fill: Fill, market: RecordedMarket) -> CashFlow:
    rules = market.listing.rules
    in_base, in_quote = (fill.fee if fill.fee_asset == asset else ZERO for asset in (rules.base, rules.quote))
    sign = 1 if fill.side is Side.BUY else -1
    return CashFlow(to_ms(fill.at), fill.symbol, -sign * fill.quote_quantity - in_quote, sign * fill.quantity - in_base)


def _trade(cycle: Cycle, fills: Sequence[Fill], market: RecordedMarket) -> BacktestTrade:
    position = Position.of(fills, market.listing.rules.base)
    assert position.entry_price is not None, "a fill has a price"
    is_open = cycle.status is not CycleStatus.COMPLETED
    return BacktestTrade(
        symbol=cycle.symbol,
        strategy=cycle.strategy,
        opened_ms=to_ms(fills[0].at),
        closed_ms=market.told_at(to_ms(fills[-1].at)),
        entry_price=position.entry_price,
        exit_price=position.exit_price or ZERO,
        quantity=position.bought,
        fees=position.fees,
        profit_loss=position.profit_loss,
        profit_loss_percent=position.profit_loss_percent,
        exit_reason=END if is_open else cycle.exit_reason,
        is_ambiguous=_is_ambiguous(cycle, to_ms(fills[-1].at), market),
    )


def _is_ambiguous(cycle: Cycle, left_ms: int, market: RecordedMarket) -> bool:
    bar = market.closing_at(left_ms)
    if left_ms - market.candles[bar].time < INSIDE_MS or cycle.stop_price is None or cycle.take_profit_price is None:
        return False
    return market.is_doubtful(bar, cycle.stop_price, cycle.take_profit_price)


def _votes(signals: Sequence[Mapping[str, Any]]) -> Counter[str]:
    return Counter(vote["strategy"] for row in signals for vote in row["votes"])


def _refused(signals: Sequence[Mapping[str, Any]], decisions: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """The bars on which no consensus came about, and the consensus that nobody followed."""
    found: Counter[str] = Counter()
    for row in signals:
        if not row["accepted"]:
            name = row["metadata"]["filter"]
            found[f"filter: {name}" if name else kind_of_refusal(row["reason"], row["symbol"])] += 1
    found.update(kind_of_refusal(row["reason"], row["symbol"]) for row in decisions if not row["approved"])
    return found
