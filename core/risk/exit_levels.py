"""Where a position gets out: its stop and its target, settled once.

Strategies propose; ``settle`` decides at the consensus, where the average range is known, by the user's choice of a
method. What is settled is kept: the coordinator sizes by it and the trader rounds it to allowed prices. A decision
that comes without levels, such as an order by hand, gets those of ``settle_order``.

Bounds are applied here and nowhere else. A stop nearer than 0.3 % of the price, or than twice the fees of a round trip,
would be hit by noise and spread: it is moved out to that, and the target with it, in their ratio. A stop farther than
10 % makes the position meaningless: it is moved in, and the target stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from statistics import median
from typing import Final, Protocol, TypeVar

from core.risk.fees import FeeModel, FeeSettings
from shared.src.domain.exits import ExitMethod, ExitRule

HUNDRED: Final = Decimal(100)
STOP_DISTANCE_MIN: Final = Decimal("0.003")
STOP_DISTANCE_MAX: Final = Decimal("0.10")
ROUND_TRIPS_MIN: Final = 2
PRICE_STEP: Final = Decimal("0.000000000001")  # as the columns have

PERCENT: Final = ExitRule(ExitMethod.PERCENT, Decimal(2), Decimal(4))
ATR: Final = ExitRule(ExitMethod.ATR, Decimal("1.5"), Decimal(3))

N = TypeVar("N", float, Decimal)


class ExitSettings(FeeSettings, Protocol):
    """The settings that exits follow (``shared.src.config.Settings`` has them)."""

    @property
    def exit_levels(self) -> ExitMethod: ...
    @property
    def stop_loss_percent(self) -> Decimal: ...
    @property
    def take_profit_percent(self) -> Decimal: ...
    @property
    def stop_atr(self) -> Decimal: ...
    @property
    def target_atr(self) -> Decimal: ...

    def exit_rules(self) -> Mapping[str, ExitRule]: ...


class Proposal(Protocol):
    """What a strategy proposes with its vote; None: it names no level of its own."""

    @property
    def strategy(self) -> str: ...
    @property
    def stop_loss(self) -> object: ...
    @property
    def take_profit(self) -> object: ...


@dataclass(frozen=True, slots=True)
class ExitRules:
    """How exits are settled. ``percent`` and ``atr`` stand in where a strategy names no level, ``percent`` also where
    the average range is not known; ``by_strategy`` binds single strategies.
    """

    method: ExitMethod = ExitMethod.STRATEGY
    percent: ExitRule = PERCENT
    atr: ExitRule = ATR
    by_strategy: Mapping[str, ExitRule] = field(default_factory=dict)
    fees: FeeModel = field(default_factory=FeeModel)

    @classmethod
    def of(cls, settings: ExitSettings) -> ExitRules:
        return cls(
            method=settings.exit_levels,
            percent=ExitRule(ExitMethod.PERCENT, settings.stop_loss_percent, settings.take_profit_percent),
            atr=ExitRule(ExitMethod.ATR, settings.stop_atr, settings.target_atr),
            by_strategy=settings.exit_rules(),
            fees=FeeModel.of(settings),
        )

    @property
    def nearest(self) -> Decimal:
        """The least distance of a stop, as a share of the price."""
        return max(STOP_DISTANCE_MIN, ROUND_TRIPS_MIN * self.fees.round_trip)

    def rule_of(self, strategy: str) -> ExitRule | None:
        """The rule that binds a strategy's levels; None: what it proposes counts."""
        bound = self.by_strategy.get(strategy)
        if bound is None:
            bound = {ExitMethod.PERCENT: self.percent, ExitMethod.ATR: self.atr}.get(self.method)
        return None if bound is not None and bound.method is ExitMethod.STRATEGY else bound


@dataclass(frozen=True, slots=True)
class Levels:
    """Prices of the exits, quote units."""

    stop_loss: Decimal
    take_profit: Decimal


def settle(
    proposals: Sequence[Proposal], *, buying: bool, price: float, atr: float | None, rules: ExitRules
) -> tuple[float, float]:
    """Stop and target of a decision: the median of what its strategies' rules say, as distances, within the bounds.

    ``atr``: the average true range of the bar in quote units, None while it is not known.
    """
    sign = 1.0 if buying else -1.0
    distances = [_distances(proposal, sign, price, atr, rules) for proposal in proposals]
    risk, reward = _bounded(
        median(risk for risk, _ in distances),
        median(reward for _, reward in distances),
        nearest=float(rules.nearest) * price,
        farthest=float(STOP_DISTANCE_MAX) * price,
    )
    return price - sign * risk, price + sign * reward


def settle_order(price: Decimal, stop_loss: Decimal | None, take_profit: Decimal | None, rules: ExitRules) -> Levels:
    """Levels of a purchase at ``price``: those it has, where they are on their side of the price, else the settings'
    distances in percent. What somebody chose is kept as it is.
    """
    risk, reward = _bounded(
        price * rules.percent.stop / HUNDRED,
        price * rules.percent.target / HUNDRED,
        nearest=price * rules.nearest,
        farthest=price * STOP_DISTANCE_MAX,
    )
    has_stop = stop_loss is not None and stop_loss < price
    has_target = take_profit is not None and take_profit > price
    return Levels(
        _price(stop_loss if stop_loss is not None and has_stop else price - risk),
        _price(take_profit if take_profit is not None and has_target else price + reward),
    )


def _distances(
    proposal: Proposal, sign: float, price: float, atr: float | None, rules: ExitRules
) -> tuple[float, float]:
    """(stop, target) of one strategy as distances from the price."""
    bound = rules.rule_of(proposal.strategy)
    if bound is not None:
        return _by_rule(bound, price, atr, rules)
    risk, reward = _by_rule(rules.atr, price, atr, rules)
    return (
        _distance(proposal.stop_loss, price, -sign) or risk,
        _distance(proposal.take_profit, price, sign) or reward,
    )


def _by_rule(rule: ExitRule, price: float, atr: float | None, rules: ExitRules) -> tuple[float, float]:
    if rule.method is ExitMethod.ATR and atr is not None and atr > 0:
        return float(rule.stop) * atr, float(rule.target) * atr
    percent = rule if rule.method is ExitMethod.PERCENT else rules.percent
    return price * float(percent.stop) / 100.0, price * float(percent.target) / 100.0


def _distance(level: object, price: float, sign: float) -> float | None:
    """How far a level is on its side of the price; None where there is none."""
    if level is None:
        return None
    distance = sign * (float(str(level)) - price)
    return distance if distance > 0 else None


def _bounded(risk: N, reward: N, *, nearest: N, farthest: N) -> tuple[N, N]:
    if risk < nearest:
        return nearest, reward * (nearest / risk)
    return min(risk, farthest), reward


def _price(value: Decimal) -> Decimal:
    return value.quantize(PRICE_STEP, rounding=ROUND_DOWN)
