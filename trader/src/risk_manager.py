"""Whether an entry may be sent, and how large: judged by ``core.risk.order_gate``. This adds the facts.

It reads open cycles and their entries, what is approved and has not arrived, pauses and results from the store,
balances from the exchange's stream, prices from the ticks, and counts the entries of the last minute.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from core.execution.next_order import BuyMore
from core.positions.lifecycle import adopted, is_sized
from core.positions.model import Cycle, CycleState, Order
from core.risk.account import (
    AccountView,
    Losses,
    OpenCycle,
    OutsideBuy,
    PendingEntry,
    assets_of,
    capital_of,
    rates_of,
    resting_cost,
    still_to_spend,
)
from core.risk.exchange_room import Occupancy
from core.risk.exit_levels import ExitRules
from core.risk.halts import ALL, Cause, Pause, reasons
from core.risk.limits import HUNDRED, Candidate, RiskLimits, loss_breaches
from core.risk.loss import DAY
from core.risk.order_gate import EntryOrder, Level, judge_order
from core.risk.verdicts import Approved, Refused
from core.statistics.periods import day_start
from shared.src.contracts.orders import OrderIntent
from shared.src.domain.clock import Clock, to_ms
from shared.src.domain.errors import RejectedError, TransientError
from shared.src.domain.money import ZERO
from shared.src.domain.orders import OrderType, Side
from shared.src.exchange.models import BookTicker
from shared.src.exchange.rules import SymbolRules
from shared.src.market.recent_closes import RecentCloses
from trader.src.execution import metrics
from trader.src.execution.funds import Funds
from trader.src.execution.loss_watch import LossWatch
from trader.src.execution.outlook import Outlook
from trader.src.ports import ApprovedEntry, Exchange, Prices, RiskFacts, Store

logger = logging.getLogger(__name__)

# How the reason of a pause begins that the trader set itself, because the exchange holds less than it should.
DIFFERENCE = "difference"
MINUTE = timedelta(minutes=1)
# Orders that take the market's price, at once or at their trigger.
AT_MARKET = frozenset({OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT})


class RiskManager:
    """The gate before the exchange. One entry is judged at a time, so that limits hold between concurrent ones."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        store: Store,
        prices: Prices,
        funds: Funds,
        clock: Clock,
        limits: RiskLimits,
        exits: ExitRules,
        quote_asset: str,
        outlook: Outlook,
        large_percent: Decimal = HUNDRED,
        closes: RecentCloses | None = None,
    ) -> None:
        """``large_percent``: the share of the capital from which a position is told of as large. ``closes``: asked when
        what moves together has a limit.
        """
        self._closes = closes
        self._large_percent = large_percent
        self.large: dict[str, Decimal] = {}
        self._exchange = exchange
        self._store = store
        self._prices = prices
        self._funds = funds
        self._clock = clock
        self._limits = limits
        self._exits = exits
        self._quote = quote_asset
        self.outlook = outlook
        self._entries: deque[datetime] = deque()
        self._losses = LossWatch(store=store, prices=prices, clock=clock, quote_asset=quote_asset)
        self._markets: dict[str, str] = {}  # by asset, the market that has told its price
        # held from a verdict until what it allows is written down
        self.one_at_a_time = asyncio.Lock()

    async def judge(
        self, intent: OrderIntent, rules: SymbolRules, *, trigger: Decimal | None = None
    ) -> Approved | Refused:
        """The verdict on an entry now; ``trigger``: the price at which it starts, None at once.

        Raises:
            TransientError: the account or the market cannot be read.
        """
        if intent.quantity is None and not intent.reserved:
            return Refused("an entry needs a quantity, or an amount to spend")
        order = EntryOrder(
            candidate=Candidate(intent.message_id, intent.strategy, rules, intent.decided_on),
            quantity=intent.quantity,
            price=None if intent.type in AT_MARKET else intent.price,
            reference_price=intent.reference_price,
            pocket=intent.pocket,
            trigger=trigger,
            stop_loss=intent.stop_loss,
            take_profit=intent.take_profit,
            reserved=intent.reserved,
        )
        return await self._judged(order)

    async def judge_again(self, cycle: Cycle, lost: Order, rules: SymbolRules) -> Approved | Refused:
        """The verdict on sending an entry once more, as of now: pauses, halts, limits, age and drift may have changed.

        Raises as ``judge``.
        """
        price = None if lost.price is None else rules.round_price(lost.price, Side.BUY)
        order = EntryOrder(
            candidate=Candidate(cycle.intent_id, cycle.strategy, rules, to_ms(cycle.decided_at or cycle.created_at)),
            quantity=lost.quantity,
            price=price if cycle.resting else None,
            reference_price=cycle.reference_price or (await self._prices.ticker(cycle.symbol)).ask,
            pocket=cycle.pocket,
            trigger=lost.stop_price,
            stop_loss=cycle.stop_price,
            take_profit=cycle.take_profit_price,
            reserved=cycle.reserved,
        )
        return await self._judged(order)

    async def judge_further(self, view: CycleState, wanted: BuyMore, rules: SymbolRules) -> Approved | Refused:
        """The verdict on the next order of an entry in several, as of now; raises as ``judge``.

        Its decision was approved in time, and its plan has an end: what is asked of it anew is all but its age.
        """
        cycle = view.cycle
        spent = sum((order.executed_quote for order in view.of(Side.BUY)), ZERO)
        if spent >= cycle.reserved:
            return Refused("all that was reserved is spent")
        order = EntryOrder(
            candidate=Candidate(cycle.intent_id, cycle.strategy, rules, self._clock.now_ms()),
            quantity=wanted.quantity,
            price=wanted.price if wanted.type is OrderType.LIMIT_MAKER else None,
            reference_price=cycle.reference_price or wanted.price,
            pocket=cycle.pocket,
            stop_loss=cycle.stop_price,
            take_profit=cycle.take_profit_price,
            reserved=cycle.reserved - spent,
            spent=spent,
        )
        return await self._judged(order)

    async def _judged(self, order: EntryOrder) -> Approved | Refused:
        blind = self.outlook.refusal()
        if blind and self.outlook.is_new and not order.candidate.is_manual:
            raise TransientError(blind)  # a decision outlives a restart: it waits for the first comparison
        if blind:
            return Refused(blind)
        wait_s = self._exchange.entries_wait_s()
        if wait_s > 0:
            raise TransientError(f"orders are kept for exits for another {wait_s:.0f} s: ORDERS")
        rules = order.candidate.rules
        view = await self.view(rules, own=order.candidate.intent_id)
        ticker = await self._prices.ticker(rules.symbol)
        return judge_order(
            order,
            view,
            ticker,
            self._limits,
            self._exits,
            asks=await self._asks(order, ticker),
            standing=await self._standing(order.candidate.intent_id, rules),
            average=await self._average(rules),
        )

    async def _standing(self, intent_id: str, rules: SymbolRules) -> Occupancy:
        """What stands in the symbol, without the entry's own cycle."""
        cycles = [cycle for cycle in await self._store.open_cycles() if cycle.intent_id != intent_id]
        orders, held = await self._store.live_orders(), self._funds.total(rules.base)
        known = Occupancy.of(rules.symbol, orders, cycles, held)
        if not known.is_near(rules) and not known.is_account_near(rules):
            return known
        everywhere = "" if known.is_account_near(rules) else rules.symbol
        ids = {(order.symbol, order.exchange_order_id) for order in orders}
        standing = await self._exchange.open_orders(everywhere)
        found = [item for item in standing if (item.symbol, item.order_id) not in ids]
        now = self._clock.now()
        others = (adopted(item, now) for item in found if is_sized(item))
        return Occupancy.of(rules.symbol, [*orders, *others], cycles, held)

    async def _average(self, rules: SymbolRules) -> Decimal | None:
        """What the exchange measures price bands from, asked only where a price could be outside of one."""
        if not rules.average_minutes or not (rules.buys.is_narrow or rules.sells.is_narrow):
            return None
        return await self._exchange.average_price(rules.symbol)

    async def _asks(self, order: EntryOrder, ticker: BookTicker) -> list[Level] | None:
        """What the book offers, asked only when its best level does not have enough."""
        wanted = order.quantity or order.reserved / ticker.ask
        if not order.takes_at_once or ticker.ask_quantity >= wanted:
            return None
        return await self._exchange.asks(ticker.symbol)

    def free(self, asset: str) -> Decimal:
        """Units of an asset that no order holds, as far as the exchange told."""
        return self._funds.free(asset)

    def note_entry(self) -> None:
        """An entry is on its way: it counts against MAX_ORDERS_PER_MINUTE."""
        self._entries.append(self._clock.now())

    async def view(self, rules: SymbolRules, own: str = "") -> AccountView:
        """The account now, with what the symbol's quote asset is worth. A loss limit that is reached halts entries.

        ``own``: the intent that asks; what is set aside for it is free to it.
        """
        view = await self._view([rules.quote], own)
        if self._closes is None or not self._limits.has_clusters:
            return view
        return replace(view, closes=await self._closes.of(sorted({rules.symbol, *view.symbols})))

    async def watch_losses(self) -> None:
        """Look at what was lost, remember it, and halt when it is too much; tell of positions that are large."""
        view = await self._view([])
        large = view.large_positions(self._large_percent)
        for coin in sorted(large.keys() - self.large.keys()):
            logger.warning("large position", extra={"asset": coin, "percent_of_capital": f"{large[coin]:.2f}"})
        metrics.LARGE_POSITIONS.set(len(large))
        metrics.HALTS.set(len(view.halts))
        self.large = large
        await self._losses.keep()

    @property
    def losses(self) -> Losses:
        """What was lost as far as the last look told."""
        return self._losses.last

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Symbols with positions that nobody has a price for."""
        return self._losses.unpriced

    async def forgive(self, lifted: Iterable[Pause]) -> None:
        """Halts were lifted: what led to them is measured anew, or it would halt again at once."""
        causes = {pause.cause for pause in lifted}
        await self._losses.forgive(day=Cause.DAILY_LOSS in causes, peak=Cause.DRAWDOWN in causes)

    async def _view(self, quotes: Sequence[str], own: str = "") -> AccountView:
        now = self._clock.now()
        since = await self._losses.since()
        facts = await self._store.risk_facts(since, approved_since=now - self._limits.decision_age_max)
        if not self._funds.is_known:
            self._funds.replace((await self._exchange.account()).balances)
        cycles = [OpenCycle.of(cycle, facts.entries, self._quote) for cycle in facts.cycles]
        outside = [OutsideBuy.of(order, self._quote) for order in facts.entries if order.cycle_id is None]
        ended = (assets_of(symbol, self._quote)[1] for symbol in facts.results)
        rates = await self.rates(
            {*quotes, *(cycle.quote for cycle in cycles), *(order.quote for order in outside), *ended}
        )
        capital = capital_of(self._funds.total(self._quote), cycles, self._quote)
        losses = await self._losses.look(facts, since, capital=capital, rates=rates)
        pauses = [*facts.pauses, *await self._halts(losses, facts.pauses)]
        return AccountView.of(
            now=now,
            quote=self._quote,
            capital=capital,
            cycles=cycles,
            pending=[_pending(entry, self._quote) for entry in facts.approved],
            free={quote: self._funds.free(quote) - _unshown(facts, quote, own) for quote in quotes},
            pauses=reasons(pauses, halts=False),
            halts=reasons(pauses, halts=True),
            losses=losses,
            entries_last_minute=self._entries_last_minute(),
            rates=rates,
            outside=outside,
            ended=await self._store.ended_trades(now - history) if (history := self._limits.history) else (),
        )

    async def _halts(self, losses: Losses, known: Iterable[Pause]) -> list[Pause]:
        """The halts that follow from what was lost and are not in force yet, written down."""
        now = self._clock.now()
        standing = {pause.cause for pause in known}
        halts = [
            Pause(ALL, reason, now, cause, day_start(now) + DAY if cause is Cause.DAILY_LOSS else None)
            for cause, reason in loss_breaches(losses, self._limits).items()
            if cause not in standing
        ]
        for halt in halts:
            logger.error("entries halted", extra={"reason": halt.reason})
            await self._store.pause(halt.scope, halt.reason, halt.since, cause=halt.cause, until=halt.until)
            await self._losses.keep()
        return halts

    def _entries_last_minute(self) -> int:
        horizon = self._clock.now() - MINUTE
        while self._entries and self._entries[0] < horizon:
            self._entries.popleft()
        return len(self._entries)

    async def rates(self, assets: Iterable[str]) -> dict[str, Decimal]:
        """What quote assets are worth in the asset of valuation, as far as a pair of both has a price."""
        foreign = sorted(set(assets) - {self._quote, ""})
        prices: dict[str, Decimal] = {}
        for asset in foreign:
            known = self._markets.get(asset)
            for symbol in (known,) if known is not None else (asset + self._quote, self._quote + asset):
                try:
                    prices[symbol] = (await self._prices.ticker(symbol)).middle
                except (TransientError, RejectedError):
                    continue  # no such market, or nobody knows its price
                self._markets[asset] = symbol
                break
        return rates_of(foreign, self._quote, prices)


def _pending(entry: ApprovedEntry, quote_asset: str) -> PendingEntry:
    base, _ = assets_of(entry.symbol, quote_asset)
    return PendingEntry(entry.intent_id, entry.symbol, base, entry.reserved, entry.strategy)


def _unshown(facts: RiskFacts, quote: str, own: str) -> Decimal:
    """Quote units of entries that the balances may not show yet: what rests on the exchange is locked there already.

    What an entry in several orders may still spend is kept for it; ``own``: the intent that asks.
    """
    total = ZERO
    for cycle in facts.cycles:
        if not cycle.symbol.endswith(quote):
            continue
        orders = [order for order in facts.entries if order.cycle_id == cycle.id]
        if cycle.entering and cycle.intent_id != own:
            shown = resting_cost((order for order in orders if _is_shown(order)), cycle.reference_price)
            total += max(ZERO, still_to_spend(cycle, orders) - shown)
        else:
            total += resting_cost((order for order in orders if not _is_shown(order)), cycle.reference_price)
    return total


def _is_shown(order: Order) -> bool:
    """Whether what it may spend is locked on the exchange, and seen there."""
    return not (order.is_unresolved or order.is_immediate)
