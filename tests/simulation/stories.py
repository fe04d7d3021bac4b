"""Stories that were found once and are kept: each broke a rule on the day it was written down.

python -m tests.simulation --story NAME
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from shared.src.contracts.topics import ORDER_INTENT
from shared.src.domain.orders import Side
from simulator.engine.orders import ListKind
from tests.simulation import actions as do
from tests.simulation.actions import Action
from tests.simulation.adversary import Story
from tests.simulation.market import Shape

BTC: Final = "BTCUSDC"
ETH: Final = "ETHUSDC"


def _enter(wait_s: float = 5.0, stop: str = "2", target: str = "4") -> Action:
    return do.Enter(BTC, Decimal(stop), Decimal(target), wait_s)


def _move(percent: str, wait_s: float = 3.0) -> Action:
    return do.Move(BTC, Decimal(percent), wait_s)


def _reach(leg: do.Leg, share: str, wait_s: float = 3.0) -> Action:
    return do.Reach(leg, 0, Decimal(share), wait_s)


def _sell_by_hand(share: str, wait_s: float) -> Action:
    return do.TradeByHand(BTC, Side.SELL, Decimal(share), wait_s)


def _story(*actions: Action, **settings: object) -> Story:
    return Story(settings, actions)


STORIES: Final[dict[str, Story]] = {
    "a tenth of the target fills": _story(_enter(), _reach(do.Leg.TARGET, "0.1", 10.0), _move("-10", 30.0)),
    "half of the stop fills": _story(_enter(), _reach(do.Leg.STOP, "0.5", 10.0)),
    "the lots grow before the exit": _story(
        _enter(), do.ChangeFilters(BTC, 100, Decimal(10), 0.1), do.Leave(BTC, 10.0)
    ),
    "the least amount grows over the position": _story(
        _enter(), do.ChangeFilters(BTC, 1, Decimal(2500), 0.1), do.Leave(BTC, 10.0)
    ),
    "nobody buys at the moment of the exit": _story(
        _enter(), do.Offer(BTC, Shape.NO_BIDS, 1.0), do.Leave(BTC, 10.0), do.Offer(BTC, Shape.DEEP, 10.0)
    ),
    "nobody buys right after the entry": _story(
        _enter(0.01), do.Offer(BTC, Shape.NO_BIDS, 2.0), do.Offer(BTC, Shape.DEEP, 10.0)
    ),
    "the exit meets a rate limit": _story(_enter(), do.Ban(1, 429, 20.0, 0.0), do.Leave(BTC, 25.0)),
    "the exit meets a halt": _story(_enter(), do.SetStatus(BTC, "HALT", 1.0), do.Leave(BTC, 10.0)),
    "the symbol is halted when protection is due": _story(
        _enter(0.02), do.SetStatus(BTC, "HALT", 10.0), do.SetStatus(BTC, "TRADING", 40.0)
    ),
    "a cliff behind the best offer": _story(do.Offer(BTC, Shape.CLIFF, 1.0), _enter()),
    "a trade by hand while the stream is cut": _story(
        do.CutStream(20.0, 0.5), do.TradeByHand(BTC, Side.BUY, Decimal("0.05"), 5.0)
    ),
    "a trade that the stream lost lies under one that it told": _story(
        do.DisturbEvents(2, lost=True, late_s=0.0, doubled=False, reversed=False, wait_s=0.0),
        do.TradeByHand(BTC, Side.BUY, Decimal("0.05"), 0.5),
        do.TradeByHand(BTC, Side.BUY, Decimal("0.05"), 5.0),
    ),
    "a deposit and a withdrawal at once": _story(
        do.Flow("USDC", Decimal(500), 1.0), do.Flow("BTC", Decimal("-0.02"), 1.0)
    ),
    "the operator sells everything by hand": _story(
        _enter(stop="5", target="20"), _move("-4", 3.0), do.CancelByHand(0, 0.0), _sell_by_hand("1", 30.0)
    ),
    "the operator sells a position by hand and holds more of the coin": _story(
        _enter(stop="5", target="20"), _move("-4", 3.0), do.CancelByHand(0, 0.0), _sell_by_hand("0.441", 30.0)
    ),
    "paused while the entry is unknown": _story(
        do.LoseCall(0, 503, -1007, False, False, 0.0), _enter(2.0), do.Pause("all", 40.0)
    ),
    "the trader is started twice": _story(_enter(), do.StartAnotherTrader(2.0), do.Leave(BTC, 10.0)),
    "the price falls through the stop": _story(_enter(), _move("-5", 10.0)),
    "a resting order fills in many parts": _story(
        do.BuyByApi(BTC, Decimal(900), Decimal("0.3"), 3.0), *(_reach(do.Leg.ENTRY, "0.2", 1.0) for _ in range(8))
    ),
    "the trader is blind": _story(do.CutStream(90.0, 0.0), do.Blind(90.0, 45.0), _enter(20.0)),
    "the symbol is delisted while a position is open": _story(
        do.Enter(ETH, Decimal(2), Decimal(4), 5.0),
        do.Delist(ETH, 5.0),
        do.Kill("trader", 0, 10.0),
        _enter(10.0),
        trading_symbols=f"{BTC},{ETH}",
    ),
    "the protection is due while the book is empty": _story(
        do.BuyByApi(BTC, Decimal(900), Decimal("0.3"), 3.0),
        _reach(do.Leg.ENTRY, "1", 0.0),
        do.Offer(BTC, Shape.NO_BIDS, 20.0),
        do.Offer(BTC, Shape.DEEP, 20.0),
    ),
    "an odd list by hand": _story(do.ListByHand(BTC, ListKind.OPO, 20.0), _enter(10.0)),
    "a trailing stop wider than the one decided": _story(
        _enter(stop="0.5", target="3"), _move("-2", 10.0), trailing_stop_percent="10"
    ),
    "no further stop may stand": _story(
        _enter(),
        do.LimitStops(BTC, 1, 70.0),
        do.BuyByApi(BTC, Decimal(500), Decimal("-0.1"), 10.0),
        risk_percentage="0.1",
    ),
    "the price jumps over the stop while prices are lost": _story(
        _enter(), do.LosePrices(60.0, 1.0), _move("-12", 20.0)
    ),
    "the price jumps over the stop while the trader is dead": _story(
        _enter(), do.Kill("trader", 0, 0.1), _move("-12", 60.0)
    ),
    "more is lost in a day than allowed": _story(_enter(), _move("-5", 5.0), _enter(10.0), max_daily_loss="20"),
    "an order rests while another is asked for": _story(
        do.BuyByApi(BTC, Decimal(900), Decimal("0.8"), 3.0),
        do.BuyByApi(BTC, Decimal(900), Decimal("0.7"), 3.0),
        do.BuyByApi(BTC, Decimal(900), Decimal("0.6"), 3.0),
        _move("-2", 10.0),
    ),
    "a refused intent comes again": _story(
        do.Offer(BTC, Shape.WIDE, 1.0),
        _enter(3.0),
        do.Offer(BTC, Shape.DEEP, 1.0),
        do.Repeat(ORDER_INTENT.name, 0, 5.0),
    ),
    "part of an odd list by hand fills": _story(
        do.ListByHand(BTC, ListKind.OPO, 0.4),
        _reach(do.Leg.ENTRY, "0.5", 0.4),
        _move("-0.4", 0.4),
        _reach(do.Leg.TARGET, "0.05", 5.0),
        _enter(10.0),
    ),
    "coins are converted by hand while a position is open": _story(_enter(), do.Convert(BTC, Decimal("0.5"), 5.0)),
    "an entry that waits for a ban and another one": _story(
        do.Ban(0, 418, 10.0, 0.0), _enter(0.1), do.BuyByApi(BTC, Decimal(900), Decimal("0.2"), 20.0)
    ),
}
