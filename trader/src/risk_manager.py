"""Whether an entry may be sent, and how large: limits, pauses, prices, funds, exchange filters. Pure.

Refusals are values with a reason. Exits are never refused here: getting out is always allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.positions.model import MANUAL
from shared.src.config import Settings
from shared.src.contracts.orders import OrderIntent
from shared.src.domain.clock import from_ms
from shared.src.domain.money import ZERO
from shared.src.domain.orders import OrderType
from shared.src.exchange.models import BookTicker
from shared.src.exchange.rules import SymbolRules
from trader.src.ports import RiskFacts

HUNDRED = Decimal(100)
ALL = "all"
# How the reason of a pause begins that the trader set itself, because the exchange holds less than it should.
DIFFERENCE = "difference"
# A position must stay sellable at its stop, after fees and rounding.
NOTIONAL_RESERVE = Decimal("1.02")


@dataclass(frozen=True, slots=True)
class Approved:
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Refused:
    reason: str
    code: int | None = None


Verdict = Approved | Refused


@dataclass(frozen=True, slots=True)
class RiskView:
    """What an entry is judged on. ``free`` and ``capital`` in quote units."""

    now: datetime
    facts: RiskFacts
    rules: SymbolRules
    ticker: BookTicker
    free: Decimal
    capital: Decimal
    entries_last_minute: int
    positions: dict[str, Decimal]


class RiskManager:
    """The limits of the settings, applied to one intent at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def check(self, intent: OrderIntent, view: RiskView) -> Verdict:
        """Judge an entry. A manual one is spared the questions about its decision, never the limits."""
        if intent.quantity is None:
            return Refused("an entry needs a quantity")
        market = intent.type in {OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT}
        price = intent.price if intent.price is not None and not market else view.ticker.ask
        quantity = view.rules.floor_quantity(intent.quantity, market=market)
        checks = [self._may_trade(intent, view), self._limits(intent, view, quantity * price)]
        if intent.strategy != MANUAL:
            checks.append(self._is_fresh(intent, view))
        checks.append(self._market_is_sound(intent, view))
        checks.append(self._fits(view, quantity, price, market=market))
        reason = next((found for found in checks if found), "")
        return Refused(reason) if reason else Approved(quantity)

    def _may_trade(self, intent: OrderIntent, view: RiskView) -> str:
        if not self._settings.entries_enabled:
            return "new positions are switched off (TRADING_ENABLED)"
        for pause in view.facts.pauses:
            if pause.scope in {ALL, intent.symbol, intent.strategy}:
                return f"paused for {pause.scope}: {pause.reason}"
        if not view.rules.is_trading:
            return f"{intent.symbol} is not trading on the exchange: {view.rules.status}"
        if view.facts.day_result <= -self._settings.max_daily_loss:
            return f"the day's loss {-view.facts.day_result} reached MAX_DAILY_LOSS {self._settings.max_daily_loss}"
        return ""

    def _limits(self, intent: OrderIntent, view: RiskView, notional: Decimal) -> str:
        settings = self._settings
        held = view.positions.get(intent.symbol, ZERO)
        if len(view.facts.cycles) >= settings.max_concurrent_positions:
            return f"{len(view.facts.cycles)} positions are open, MAX_CONCURRENT_POSITIONS"
        if view.entries_last_minute >= settings.max_orders_per_minute:
            return f"{view.entries_last_minute} entries in the last minute, MAX_ORDERS_PER_MINUTE"
        if held + notional > settings.max_position_size:
            return f"position {held + notional:.2f} over MAX_POSITION_SIZE {settings.max_position_size}"
        share = HUNDRED * (held + notional) / view.capital if view.capital > 0 else HUNDRED
        if share > settings.max_exposure_percent:
            return f"{share:.1f} % of the capital in {view.rules.base}, over MAX_EXPOSURE_PERCENT"
        return ""

    def _is_fresh(self, intent: OrderIntent, view: RiskView) -> str:
        age_s = (view.now - from_ms(intent.decided_on)).total_seconds()
        if age_s > self._settings.signal_max_age_s:
            return f"decided {age_s:.0f} s ago, over SIGNAL_MAX_AGE_S {self._settings.signal_max_age_s}"
        drift = HUNDRED * abs(view.ticker.middle - intent.reference_price) / intent.reference_price
        if drift > self._settings.max_price_drift_percent:
            return f"price moved {drift:.2f} % since the decision, over MAX_PRICE_DRIFT_PERCENT"
        return ""

    def _market_is_sound(self, intent: OrderIntent, view: RiskView) -> str:
        spread = HUNDRED * (view.ticker.ask - view.ticker.bid) / view.ticker.middle
        if spread < 0:
            return f"bid {view.ticker.bid} over ask {view.ticker.ask}"
        if spread > self._settings.max_spread_percent:
            return f"spread {spread:.3f} % over MAX_SPREAD_PERCENT {self._settings.max_spread_percent}"
        if intent.stop_loss is not None and intent.stop_loss >= view.ticker.bid:
            return f"the stop {intent.stop_loss} is not under the price {view.ticker.bid}"
        return ""

    def _fits(self, view: RiskView, quantity: Decimal, price: Decimal, *, market: bool) -> str:
        refusal = view.rules.refusal(quantity, price, market=market)
        if refusal:
            return refusal
        at_stop = quantity * price * (1 - self._settings.stop_loss_percent / HUNDRED)
        least = view.rules.notional_min * NOTIONAL_RESERVE
        if at_stop < least:
            return f"worth {at_stop:.2f} at its stop, under the {least:.2f} that can be sold: no stop could protect it"
        if quantity * price > view.free:
            return f"needs {quantity * price:.2f} {view.rules.quote}, free are {view.free:.2f}"
        return ""
