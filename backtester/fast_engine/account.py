"""The account of a backtest: cash, open positions, leases and losses, in the values that the live gates judge on."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from core.capital.pockets import Pockets, Reservation, Reserved
from core.positions.model import Cycle, Fill
from core.positions.position import Position
from core.risk.account import AccountView, Losses, OpenCycle, PendingEntry
from core.risk.halts import ALL, Cause
from core.risk.limits import RiskLimits, loss_breaches
from core.risk.loss import LossMark, TradingResult, looked, open_result
from core.risk.protections import EndedTrade
from core.statistics.periods import day_start
from shared.src.domain.clock import from_ms
from shared.src.domain.money import ONE, ZERO

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """An open position: its cycle, what the limits see of it, and its fills."""

    cycle: Cycle
    open: OpenCycle
    fills: tuple[Fill, ...]
    base: str

    @property
    def position(self) -> Position:
        return Position.of(self.fills, self.base)


class TradedAccount:
    """Changes as orders are filled. Amounts in units of ``quote``, which is also the asset of valuation."""

    def __init__(self, capital: Decimal, quote: str, shares: Mapping[str, Decimal], limits: RiskLimits) -> None:
        self.cash = capital
        self.quote = quote
        self.holdings: dict[str, HeldPosition] = {}
        self._shares = dict(shares)
        self._limits = limits
        self._leases: dict[str, Reservation] = {}
        self._pending: dict[str, PendingEntry] = {}
        self._entered: deque[int] = deque()
        self._ended: deque[EndedTrade] = deque()
        self._results: deque[tuple[int, Decimal]] = deque()
        self._mark: LossMark | None = None
        self._halts: dict[Cause, tuple[datetime, str]] = {}

    @property
    def capital(self) -> Decimal:
        """Cash and what the open positions cost."""
        return self.cash + sum((holding.open.cost for holding in self.holdings.values()), ZERO)

    def view(self, now_ms: int, *, bids: Mapping[str, Decimal], free: bool = False) -> AccountView:
        """The account as a gate sees it. ``bids``: what the open positions could be sold at, by symbol. ``free``: tell
        the balance, as the gate before the exchange sees it.
        """
        self._forget(now_ms)
        losses = self._losses(now_ms, bids)
        return AccountView.of(
            now=from_ms(now_ms),
            quote=self.quote,
            capital=self.capital,
            cycles=[holding.open for holding in self.holdings.values()],
            pending=self._pending.values(),
            pockets=self._pockets().pockets().values(),
            free={self.quote: self.cash} if free else None,
            losses=losses,
            halts=self._halted(now_ms, losses),
            entries_last_minute=len(self._entered),
            ended=tuple(self._ended),
        )

    def reserve(self, entry: PendingEntry, *, pocket: str, amount: Decimal) -> Reserved | str:
        """Set funds aside for an entry; or why there are none."""
        answer = self._pockets().reserve(entry.intent_id, pocket=pocket, asset=self.quote, amount=amount)
        if not isinstance(answer, Reserved):
            return answer.reason
        self._leases[entry.intent_id] = answer.lease
        self._pending[entry.intent_id] = entry
        return answer

    def give_back(self, intent_id: str) -> None:
        """The entry came to nothing."""
        self._leases.pop(intent_id, None)
        self._pending.pop(intent_id, None)

    def open(self, holding: HeldPosition, spent: Decimal, now_ms: int) -> None:
        """An entry was filled: it took ``spent`` from the cash."""
        intent_id = holding.cycle.intent_id
        self.cash -= spent
        pockets = self._pockets()
        pockets.spend(intent_id, spent=spent, cost=spent)
        pockets.commit(intent_id)
        self._leases = dict(pockets.leases)
        self._pending.pop(intent_id, None)
        self._entered.append(now_ms)
        self.holdings[holding.cycle.symbol] = holding

    def sold(self, symbol: str, fill: Fill) -> HeldPosition:
        """A position, or a part of it, was sold; what is left of it."""
        before = self.holdings[symbol]
        fills = (*before.fills, fill)
        position = Position.of(fills, before.base)
        self.cash += fill.quote_quantity - fill.fee
        cost = position.bought_quote * (position.bought - position.sold) / position.bought
        cycle = replace(before.cycle, exit_quantity=position.sold, exit_price=position.exit_price, fees=position.fees)
        held = replace(before.open, cost=cost, held=max(ZERO, cycle.quantity - cycle.exit_quantity))
        self.holdings[symbol] = after = HeldPosition(cycle, held, fills, before.base)
        return after

    def close(self, symbol: str, trade: EndedTrade, profit: Decimal, now_ms: int) -> None:
        """A position is sold; ``profit``: what it brought."""
        holding = self.holdings.pop(symbol)
        self._leases.pop(holding.cycle.intent_id, None)
        self._ended.append(trade)
        self._results.append((now_ms, profit))

    def _pockets(self) -> Pockets:
        return Pockets(self._shares, self._leases.values(), capital=self.capital)

    def _forget(self, now_ms: int) -> None:
        while self._entered and self._entered[0] <= now_ms - MINUTE_MS:
            self._entered.popleft()
        since = from_ms(now_ms) - self._limits.history
        while self._ended and self._ended[0].ended_at < since:
            self._ended.popleft()

    def _losses(self, now_ms: int, bids: Mapping[str, Decimal]) -> Losses:
        """What was lost by now, looked at as the trader does before each entry."""
        now = from_ms(now_ms)
        mark = self._mark or LossMark(day_start(now))
        open_now = open_result([holding.cycle for holding in self.holdings.values()], bids, self._rates, self.quote)
        found = TradingResult(
            equity=self.capital + open_now.held,
            open=open_now.total,
            ended=self._result_since(mark.day.timestamp() * 1000),
            ended_today=self._result_since(day_start(now).timestamp() * 1000),
        )
        self._mark = looked(mark, now, found)
        day_ms = self._mark.day.timestamp() * 1000
        while self._results and self._results[0][0] < day_ms:
            self._results.popleft()
        return self._mark.losses(now)

    def _halted(self, now_ms: int, losses: Losses) -> Mapping[str, str]:
        """The halts that losses led to: of a day until it ends, of a drawdown for good, since nobody lifts it."""
        today = day_start(from_ms(now_ms))
        self._halts = {
            cause: halt for cause, halt in self._halts.items() if cause is Cause.DRAWDOWN or halt[0] == today
        }
        for cause, reason in loss_breaches(losses, self._limits).items():
            self._halts.setdefault(cause, (today, reason))
        return {ALL: "; ".join(reason for _, reason in self._halts.values())} if self._halts else {}

    @property
    def _rates(self) -> Mapping[str, Decimal]:
        return {self.quote: ONE}

    def _result_since(self, since_ms: float) -> Decimal:
        return sum((profit for at_ms, profit in self._results if at_ms >= since_ms), ZERO)
