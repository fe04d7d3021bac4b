"""The adversary: a seed is a setting of the world and a list of actions, chosen before anything happens.

Nothing it chooses depends on what the platform does, so that leaving an action out leaves the others as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Any

from shared.src.contracts.topics import CONSENSUS, CYCLE_UPDATED, EXECUTION, ORDER_FAILED, ORDER_INTENT
from shared.src.domain.orders import Side
from simulator.engine.orders import ListKind
from tests.simulation import actions as do
from tests.simulation.actions import Action
from tests.simulation.market import Shape

ACTIONS_MIN, ACTIONS_MAX = 20, 60
WAITS_S = (0.0, 0.01, 0.03, 0.1, 0.4, 1.0, 2.0, 3.0, 5.0, 8.0, 20.0)
WAIT_WEIGHTS = (4, 4, 4, 4, 4, 6, 6, 5, 4, 2, 1)


@dataclass(frozen=True, slots=True)
class Story:
    """What happens in one world: its settings, what its account is like, and the actions in their order."""

    settings: Mapping[str, Any]
    actions: tuple[Action, ...]
    bnb: bool = False
    coins: bool = True

    def part(self, places: Sequence[int]) -> Story:
        """The same world with these of the actions only."""
        return replace(self, actions=tuple(self.actions[place] for place in places))


Make = Callable[["Dice"], Action]


class Dice:
    """Chooses; the same seed chooses the same."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.symbols: tuple[str, ...] = ("BTCUSDC",)

    def pick(self, *choices: Any) -> Any:
        return self._random.choice(choices)

    def weighted(self, choices: Mapping[Any, int]) -> Any:
        return self._random.choices(list(choices), list(choices.values()))[0]

    def number(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def wait_s(self) -> float:
        return self._random.choices(WAITS_S, WAIT_WEIGHTS)[0]

    def symbol(self) -> str:
        return self._random.choice(self.symbols)

    def percent(self, low: str, high: str) -> Decimal:
        """Between two numbers, to a tenth."""
        return Decimal(self.number(int(Decimal(low) * 10), int(Decimal(high) * 10))) / 10


def _enter(dice: Dice) -> Action:
    stop = dice.percent("0.5", "3")
    return do.Enter(dice.symbol(), stop, stop * dice.pick(2, 3), dice.wait_s())


def _leave(dice: Dice) -> Action:
    return do.Leave(dice.symbol(), dice.wait_s())


def _buy_by_api(dice: Dice) -> Action:
    amount, below = Decimal(dice.pick(20, 100, 400, 900)), dice.percent("0", "1")
    return do.BuyByApi(dice.symbol(), amount, below, dice.wait_s())


def _move(dice: Dice) -> Action:
    percent = dice.pick(
        dice.percent("-0.4", "0.4"), dice.percent("-1.5", "1.5"), dice.percent("-6", "6"), dice.percent("-15", "5")
    )
    return do.Move(dice.symbol(), percent, dice.wait_s())


def _offer(dice: Dice) -> Action:
    shape = dice.weighted(
        {Shape.DEEP: 6, Shape.THIN: 3, Shape.NO_BIDS: 2, Shape.NO_ASKS: 1, Shape.CLIFF: 1, Shape.WIDE: 1}
    )
    return do.Offer(dice.symbol(), shape, dice.wait_s())


def _reach(dice: Dice) -> Action:
    share = dice.pick(Decimal(1), Decimal(dice.number(1, 99)) / 100)
    leg = dice.pick(do.Leg.ENTRY, do.Leg.STOP, do.Leg.TARGET, do.Leg.TARGET)
    return do.Reach(leg, dice.number(0, 2), share, dice.wait_s())


def _trade_by_hand(dice: Dice) -> Action:
    side, share = dice.pick(Side.BUY, Side.SELL), Decimal(dice.pick("0.05", "0.3", "1"))
    return do.TradeByHand(dice.symbol(), side, share, dice.wait_s())


def _list_by_hand(dice: Dice) -> Action:
    return do.ListByHand(dice.symbol(), dice.pick(ListKind.OTO, ListKind.OPO), dice.wait_s())


def _cancel_by_hand(dice: Dice) -> Action:
    return do.CancelByHand(dice.number(0, 7), dice.wait_s())


def _flow(dice: Dice) -> Action:
    asset = dice.pick("USDC", *(symbol.removesuffix("USDC") for symbol in dice.symbols))
    units = dice.pick("500", "-300", "7.77") if asset == "USDC" else dice.pick("0.01", "-0.02", "0.00012345")
    return do.Flow(asset, Decimal(units), dice.wait_s())


def _convert(dice: Dice) -> Action:
    return do.Convert(dice.symbol(), Decimal(dice.pick("0.1", "1")), dice.wait_s())


def _pause(dice: Dice) -> Action:
    return do.Pause(dice.pick("all", dice.symbol()), dice.wait_s())


def _resume(dice: Dice) -> Action:
    return do.Resume(dice.pick("all", dice.symbol()), dice.wait_s())


def _ban(dice: Dice) -> Action:
    return do.Ban(dice.number(0, 4), dice.pick(429, 429, 418), dice.pick(2.0, 10.0, 20.0), dice.wait_s())


def _lose_call(dice: Dice) -> Action:
    reads = dice.pick(True, False, False)
    status, code = dice.pick((502, 0), (503, -1007), (408, -1007), (400, -1021), (500, -1000))
    carried_out = not reads and code != -1021 and dice.pick(True, False)
    return do.LoseCall(dice.number(0, 5), status, code, reads, carried_out, dice.wait_s())


def _hide_orders(dice: Dice) -> Action:
    return do.HideOrders(dice.pick(0.0, 1.0, 5.0), dice.wait_s())


def _disturb_events(dice: Dice) -> Action:
    how = dice.pick(
        (True, 0.0, False, False),
        (False, 0.5, False, False),
        (False, 4.0, False, False),
        (False, 0.0, True, False),
        (False, 0.0, False, True),
    )
    lost, late_s, doubled, reverses = how
    return do.DisturbEvents(dice.number(1, 4), lost, late_s, doubled, reverses, dice.wait_s())


def _drift(dice: Dice) -> Action:
    return do.Drift(dice.pick(0.0, 0.4, -0.4, 3.0, -3.0, 20.0, -20.0), dice.wait_s())


def _cut_stream(dice: Dice) -> Action:
    return do.CutStream(dice.pick(0.0, 3.0, 20.0, 60.0), dice.wait_s())


def _blind(dice: Dice) -> Action:
    return do.Blind(dice.pick(5.0, 60.0), dice.wait_s())


def _set_status(dice: Dice) -> Action:
    return do.SetStatus(dice.symbol(), dice.pick("HALT", "TRADING", "TRADING", "CANCEL_ONLY", "BREAK"), dice.wait_s())


def _change_filters(dice: Dice) -> Action:
    factor, notional = dice.pick((1, 5), (10, 5), (100, 10), (1, 100), (1000, 5), (5000, 5), (1, 2000))
    return do.ChangeFilters(dice.symbol(), factor, Decimal(notional), dice.wait_s())


def _start_another(dice: Dice) -> Action:
    return do.StartAnotherTrader(dice.wait_s())


def _reconfigure(dice: Dice) -> Action:
    name, value = dice.pick(
        ("trailing_stop_percent", "1"),
        ("max_position_size", "500"),
        ("max_concurrent_positions", "1"),
        ("max_exposure_percent", "10"),
        ("max_holding_minutes", "1"),
        ("max_daily_loss", "20"),
        ("max_drawdown_percent", "1"),
    )
    return do.Reconfigure(name, value, dice.wait_s())


def _delist(dice: Dice) -> Action:
    """Never the first symbol: somebody whose every symbol is gone has a setting to change."""
    if len(dice.symbols) == 1:
        return do.SetStatus(dice.symbol(), "BREAK", dice.wait_s())
    return do.Delist(dice.symbols[-1], dice.wait_s())


def _limit_stops(dice: Dice) -> Action:
    return do.LimitStops(dice.symbol(), dice.pick(1, 2, 5), dice.wait_s())


def _lose_prices(dice: Dice) -> Action:
    return do.LosePrices(dice.pick(5.0, 60.0), dice.wait_s())


def _close_by_api(dice: Dice) -> Action:
    return do.CloseByApi(dice.number(0, 2), dice.wait_s())


def _rest_by_hand(dice: Dice) -> Action:
    share, away = Decimal(dice.pick("0.05", "0.3")), dice.percent("0.1", "3")
    return do.RestByHand(dice.symbol(), dice.pick(Side.BUY, Side.SELL), share, away, dice.wait_s())


def _repeat(dice: Dice) -> Action:
    topic = dice.pick(CONSENSUS, ORDER_INTENT, EXECUTION, CYCLE_UPDATED, ORDER_FAILED)
    return do.Repeat(topic.name, dice.number(0, 5), dice.wait_s())


def _kill(dice: Dice) -> Action:
    service = dice.weighted({"trader": 4, "portfolio": 1, "coordinator": 1})
    return do.Kill(service, dice.pick(0, dice.number(1, 12), dice.number(1, 60)), dice.wait_s())


# How often each of them is chosen.
REPERTOIRE: dict[Make, int] = {
    _enter: 14,
    _leave: 5,
    _buy_by_api: 4,
    _move: 14,
    _offer: 7,
    _reach: 14,
    _trade_by_hand: 3,
    _list_by_hand: 1,
    _cancel_by_hand: 3,
    _flow: 2,
    _convert: 1,
    _pause: 1,
    _resume: 2,
    _ban: 2,
    _lose_call: 4,
    _hide_orders: 1,
    _disturb_events: 3,
    _cut_stream: 2,
    _blind: 1,
    _set_status: 3,
    _change_filters: 2,
    _kill: 5,
    _start_another: 1,
    _reconfigure: 1,
    _delist: 1,
    _close_by_api: 2,
    _rest_by_hand: 1,
    _repeat: 2,
    _limit_stops: 1,
    _lose_prices: 1,
    _drift: 1,
}


# Entries in several orders, short enough that something happens between two of them.
EXECUTIONS: tuple[dict[str, Any], ...] = (
    {"entry_execution": "maker_first", "maker_patience_s": 4},
    {"entry_execution": "twap", "twap_s": 12, "twap_slices": 4, "participation_percent": "100"},
    {"entry_execution": "participation", "participation_s": 60, "participation_percent": "50"},
)


def story_of(seed: int, repertoire: Mapping[Make, int] = REPERTOIRE) -> Story:
    """The story of a seed."""
    dice = Dice(seed)
    settings: dict[str, Any] = {}
    if dice.number(0, 3) == 0:
        settings["trading_symbols"] = "BTCUSDC,ETHUSDC"
        dice.symbols = ("BTCUSDC", "ETHUSDC")
    if dice.number(0, 7) == 0:
        settings["trailing_stop_percent"] = dice.pick("0.5", "2")
    if dice.number(0, 3) == 0:
        settings |= dice.pick(*EXECUTIONS)
    count = dice.number(ACTIONS_MIN, ACTIONS_MAX)
    chosen = [dice.weighted(repertoire)(dice) for _ in range(count)]
    return Story(settings, (_enter(dice), *chosen), bnb=dice.number(0, 5) == 0)
