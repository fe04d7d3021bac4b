"""Whether the stop or target of an open position may be moved by hand, and to which allowed prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.positions.model import Cycle
from core.risk.verdicts import Refused
from shared.src.domain.orders import Side
from shared.src.exchange.rules import SymbolRules


@dataclass(frozen=True, slots=True)
class LevelMove:
    """Prices asked for, None: as it is. ``loosen``: the stop may move away from the price, at a greater loss."""

    stop_price: Decimal | None = None
    take_profit_price: Decimal | None = None
    loosen: bool = False


def judged_move(
    cycle: Cycle, move: LevelMove, rules: SymbolRules, *, bid: Decimal, last: Decimal | None
) -> LevelMove | Refused:
    """The move on allowed prices, or why not. ``cycle``: one whose levels are settled; ``last``: the price of the last
    trade, by which stops start, None before the first.
    """
    stop = None if move.stop_price is None else rules.floor_price(move.stop_price)
    target = None if move.take_profit_price is None else rules.round_price(move.take_profit_price, Side.SELL)
    reasons = (
        _no_move(cycle, move),
        "" if stop is None else _starts(stop, bid, last) or _refused_stop(cycle, move, stop, rules),
        "" if target is None else _refused_target(cycle, target, bid),
        _crossed(stop or cycle.stop_price, target or cycle.take_profit_price),
    )
    reason = next((text for text in reasons if text), "")
    return Refused(reason) if reason else LevelMove(stop, target, move.loosen)


def _no_move(cycle: Cycle, move: LevelMove) -> str:
    if cycle.exit_reason:
        return f"the position is being sold: {cycle.exit_reason}"
    if cycle.levels_at is None:
        return "nothing was bought yet: its levels are settled at the real entry price"
    if move.stop_price is None and move.take_profit_price is None:
        return "give a stop_price, a take_profit_price or both"
    return ""


def _starts(stop: Decimal, bid: Decimal, last: Decimal | None) -> str:
    if stop >= bid:
        return f"a stop at {stop} would sell at once: the bid is {bid}; close the position instead"
    if last is not None and stop >= last:
        return f"a stop at {stop} would sell at once: the last trade was at {last}"
    return ""


def _refused_stop(cycle: Cycle, move: LevelMove, stop: Decimal, rules: SymbolRules) -> str:
    if cycle.stop_price is not None and stop < cycle.stop_price and not move.loosen:
        return f"a stop at {stop} would loosen the one at {cycle.stop_price}; to do that, set loosen"
    quantity = rules.floor_quantity(cycle.quantity - cycle.exit_quantity)
    return rules.refusal(quantity, stop)


def _refused_target(cycle: Cycle, target: Decimal, bid: Decimal) -> str:
    return (
        f"a target at {target} would sell at once: the bid is {bid}; close the position instead"
        if target <= bid
        else ""
    )


def _crossed(stop: Decimal | None, target: Decimal | None) -> str:
    if stop is None or target is None or stop < target:
        return ""
    return f"the stop at {stop} must stand under the target at {target}"
