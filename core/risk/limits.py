"""The limits of an entry: one rule each, asked by the coordinator before it reserves and by the trader before it sends.

A gate may skip what it cannot know (the coordinator has no ticker), but no limit has a second rule. A refusal names its
setting. Exits are never refused here: getting out is always allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Final, Protocol

from core.positions.model import MANUAL
from core.risk.account import AccountView, Losses
from core.risk.halts import ALL, Cause
from core.risk.protections import history_needed, protection_refusal
from shared.src.domain.clock import from_ms
from shared.src.domain.money import ZERO, wire
from shared.src.domain.protections import ProtectionRule
from shared.src.exchange.models import BookTicker
from shared.src.exchange.rules import SymbolRules

HUNDRED: Final = Decimal(100)
# A position must stay sellable at its stop, after fees and rounding.
NOTIONAL_RESERVE: Final = Decimal("1.02")


class LimitSettings(Protocol):
    """The settings that the limits are made of (``shared.src.config.Settings`` has them)."""

    @property
    def entries_enabled(self) -> bool: ...
    @property
    def signal_max_age_s(self) -> int: ...
    @property
    def max_concurrent_positions(self) -> int: ...
    @property
    def max_orders_per_minute(self) -> int: ...
    @property
    def max_daily_loss(self) -> Decimal: ...
    @property
    def max_daily_loss_percent(self) -> Decimal: ...
    @property
    def max_drawdown_percent(self) -> Decimal: ...
    @property
    def max_position_size(self) -> Decimal: ...
    @property
    def max_exposure_percent(self) -> Decimal: ...
    @property
    def max_strategy_exposure_percent(self) -> Decimal: ...
    @property
    def max_cluster_exposure_percent(self) -> Decimal: ...
    @property
    def cluster_correlation(self) -> float: ...
    @property
    def max_spread_percent(self) -> Decimal: ...
    @property
    def max_price_drift_percent(self) -> Decimal: ...

    def protection_rules(self) -> tuple[ProtectionRule, ...]: ...


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """The user's limits. Money in units of the asset of valuation, shares in percent, ages in market seconds."""

    entries_enabled: bool
    signal_max_age_s: int
    max_concurrent_positions: int
    max_orders_per_minute: int
    max_daily_loss: Decimal
    max_daily_loss_percent: Decimal
    max_drawdown_percent: Decimal
    max_position_size: Decimal
    max_exposure_percent: Decimal
    max_strategy_exposure_percent: Decimal
    max_spread_percent: Decimal
    max_price_drift_percent: Decimal
    protections: tuple[ProtectionRule, ...] = ()
    max_cluster_exposure_percent: Decimal = HUNDRED
    cluster_correlation: float = 0.8

    @classmethod
    def of(cls, settings: LimitSettings) -> RiskLimits:
        return cls(
            entries_enabled=settings.entries_enabled,
            signal_max_age_s=settings.signal_max_age_s,
            max_concurrent_positions=settings.max_concurrent_positions,
            max_orders_per_minute=settings.max_orders_per_minute,
            max_daily_loss=settings.max_daily_loss,
            max_daily_loss_percent=settings.max_daily_loss_percent,
            max_drawdown_percent=settings.max_drawdown_percent,
            max_position_size=settings.max_position_size,
            max_exposure_percent=settings.max_exposure_percent,
            max_strategy_exposure_percent=settings.max_strategy_exposure_percent,
            max_spread_percent=settings.max_spread_percent,
            max_price_drift_percent=settings.max_price_drift_percent,
            protections=settings.protection_rules(),
            max_cluster_exposure_percent=settings.max_cluster_exposure_percent,
            cluster_correlation=settings.cluster_correlation,
        )

    @property
    def has_clusters(self) -> bool:
        """Whether what moves together has a limit of its own."""
        return self.max_cluster_exposure_percent < HUNDRED

    @property
    def history(self) -> timedelta:
        """How far back ended trades matter; zero when no protection asks for them."""
        return history_needed(self.protections)

    @property
    def decision_age_max(self) -> timedelta:
        """How long a decision may still open something."""
        return timedelta(seconds=self.signal_max_age_s)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that asks to be let in: whose it is, in which symbol, and when it was decided (``decided_ms``)."""

    intent_id: str
    strategy: str
    rules: SymbolRules
    decided_ms: int

    @property
    def is_manual(self) -> bool:
        return self.strategy == MANUAL


def refusal_of(candidate: Candidate, view: AccountView, limits: RiskLimits) -> str:
    """The first limit that forbids the entry whatever its size, in words; empty when none does.

    Its own reservation and cycle do not count against it. An entry by hand is spared the question of its decision's
    age, never a limit.
    """
    reasons = _refusals(candidate, view.without(candidate.intent_id), limits)
    return next((reason for reason in reasons if reason), "")


def _refusals(candidate: Candidate, others: AccountView, limits: RiskLimits) -> Iterator[str]:
    yield "" if limits.entries_enabled else "TRADING_ENABLED is off: nothing is opened"
    yield _paused(candidate, others)
    yield _not_trading(candidate.rules)
    yield protection_refusal(limits.protections, others.ended, candidate.rules.symbol, from_ms(others.now_ms))
    yield _too_many_open(others, limits)
    yield _too_many_sent(others, limits)
    yield from loss_breaches(others.losses, limits).values()
    yield _cannot_be_measured(candidate, others)
    yield others.losses.unknown
    if not candidate.is_manual:
        reason = age_refusal(candidate.decided_ms, others.now_ms, limits.signal_max_age_s)
        yield f"{reason}, SIGNAL_MAX_AGE_S" if reason else ""


def _paused(candidate: Candidate, view: AccountView) -> str:
    scopes = {ALL: "trading", candidate.rules.symbol: candidate.rules.symbol, candidate.strategy: candidate.strategy}
    for scope, name in scopes.items():
        if scope in view.halts:
            return f"{name} is halted: {view.halts[scope]}"
        if scope in view.pauses:
            return f"{name} is paused: {view.pauses[scope] or 'by hand'}"
    return ""


def _not_trading(rules: SymbolRules) -> str:
    if not rules.is_listed:
        return f"{rules.symbol} is not listed on the exchange"
    if rules.is_doubted:
        return f"the exchange refused an order by the rules known of {rules.symbol}; they are being read again"
    return "" if rules.is_trading else f"{rules.symbol} is not trading on the exchange: {rules.status}"


def _too_many_open(view: AccountView, limits: RiskLimits) -> str:
    count = len(view.cycles) + len(view.pending)
    if count < limits.max_concurrent_positions:
        return ""
    return f"{count} positions are open, MAX_CONCURRENT_POSITIONS is {limits.max_concurrent_positions}"


def _too_many_sent(view: AccountView, limits: RiskLimits) -> str:
    if view.entries_last_minute < limits.max_orders_per_minute:
        return ""
    return f"{view.entries_last_minute} entries in the last minute, MAX_ORDERS_PER_MINUTE"


def loss_breaches(losses: Losses, limits: RiskLimits) -> dict[Cause, str]:
    """The loss limits that are reached, in words, by the halt that follows."""
    found: dict[Cause, str] = {}
    if losses.drawdown_percent >= limits.max_drawdown_percent:
        found[Cause.DRAWDOWN] = (
            f"the loss of {losses.drawdown_percent:.2f} % from the peak reached MAX_DRAWDOWN_PERCENT"
            f" {wire(limits.max_drawdown_percent)}"
        )
    if losses.day_percent >= limits.max_daily_loss_percent:
        found[Cause.DAILY_LOSS] = (
            f"today's loss of {losses.day_percent:.2f} % reached MAX_DAILY_LOSS_PERCENT"
            f" {wire(limits.max_daily_loss_percent)}"
        )
    if losses.day_result <= -limits.max_daily_loss:
        found[Cause.DAILY_LOSS] = (
            f"today's loss of {shown(-losses.day_result)} reached MAX_DAILY_LOSS {wire(limits.max_daily_loss)}"
        )
    return found


def _cannot_be_measured(candidate: Candidate, view: AccountView) -> str:
    rules = candidate.rules
    if view.capital <= 0:
        return "the portfolio has no capital yet"
    if rules.quote not in view.rates:
        return f"what {rules.quote} is worth in {view.quote} is not known"
    if view.exposure(rules.base) is None:
        return f"what is at stake in {rules.base} cannot be told in {view.quote}, MAX_EXPOSURE_PERCENT"
    if view.exposure_of_strategy(candidate.strategy) is None:
        return f"what {candidate.strategy} has at stake cannot be told in {view.quote}, MAX_STRATEGY_EXPOSURE_PERCENT"
    return ""


def age_refusal(decided_ms: int, now_ms: int, age_s_max: int) -> str:
    """Why a decision is too old by now; empty when it is not."""
    age_s = (now_ms - decided_ms) / 1000
    return f"decided on a bar that closed {age_s:.0f} s ago, over {age_s_max} s" if age_s > age_s_max else ""


def rooms(candidate: Candidate, view: AccountView, limits: RiskLimits) -> dict[str, Decimal]:
    """What the entry may cost under each limit by its name, units of valuation; may be negative.

    Ask ``refusal_of`` first: what cannot be measured leaves no room.
    """
    others = view.without(candidate.intent_id)
    coin, strategy = others.exposure(candidate.rules.base), others.exposure_of_strategy(candidate.strategy)
    share = view.capital / HUNDRED
    allowed = {
        "MAX_POSITION_SIZE": _room(limits.max_position_size, coin),
        "MAX_EXPOSURE_PERCENT": _room(share * limits.max_exposure_percent, coin),
        "MAX_STRATEGY_EXPOSURE_PERCENT": _room(share * limits.max_strategy_exposure_percent, strategy),
    }
    if limits.has_clusters:
        cluster = others.exposure_of_cluster(candidate.rules.symbol, threshold=limits.cluster_correlation)
        allowed["MAX_CLUSTER_EXPOSURE_PERCENT"] = _room(share * limits.max_cluster_exposure_percent, cluster)
    return allowed


def _room(limit: Decimal, at_stake: Decimal | None) -> Decimal:
    return ZERO if at_stake is None else limit - at_stake


def cost_refusal(cost: Decimal, allowed: Mapping[str, Decimal]) -> str:
    """The limit that an entry of this cost would break; empty when it breaks none."""
    for name, room in allowed.items():
        if cost > room:
            return f"the entry costs {shown(cost)}, {name} allows {shown(max(ZERO, room))}"
    return ""


def stop_refusal(quantity: Decimal, stop: Decimal, rules: SymbolRules) -> str:
    """Why no stop could protect a position of ``quantity`` base units; empty when one can.

    What is worth less than the exchange's minimum at its stop cannot be sold there, nor what the fee makes less than
    a lot.
    """
    least = rules.notional_min * NOTIONAL_RESERVE
    at_stop = quantity * stop
    if at_stop < least:
        return (
            f"worth {shown(at_stop)} at its stop, under the {shown(least)} that can be sold: no stop could protect it"
        )
    kept = rules.floor_quantity(quantity / NOTIONAL_RESERVE, market=True)
    refusal = rules.refusal(kept, stop, market=True)
    return f"after its fee no stop could protect it: {refusal}" if refusal else ""


def market_refusal(ticker: BookTicker, reference: Decimal | None, stop: Decimal | None, limits: RiskLimits) -> str:
    """Why the market as it is now takes no entry; empty when it does.

    ``reference``: the price of the decision, None for an entry by hand; ``stop``: the one it came with, if any.
    """
    spread = HUNDRED * (ticker.ask - ticker.bid) / ticker.middle
    if spread < 0:
        return f"bid {ticker.bid} over ask {ticker.ask}"
    if spread > limits.max_spread_percent:
        return f"spread {spread:.3f} % over MAX_SPREAD_PERCENT {limits.max_spread_percent}"
    drift = HUNDRED * abs(ticker.middle - reference) / reference if reference is not None else ZERO
    if drift > limits.max_price_drift_percent:
        return f"price moved {drift:.2f} % since the decision, over MAX_PRICE_DRIFT_PERCENT"
    if stop is not None and stop >= ticker.bid:
        return f"the stop {stop} is not under the price {ticker.bid}"
    return ""


def shown(amount: Decimal) -> str:
    """An amount in words: two decimals, rounded down."""
    return wire(amount.quantize(Decimal("0.01"), rounding=ROUND_DOWN))
