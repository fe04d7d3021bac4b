"""The shape of the two contingent legs of an OCO: which type may stand above and which below the market."""

from __future__ import annotations

from shared.src.domain.orders import OrderType, Side
from simulator.engine.errors import ApiError
from simulator.engine.orders import STOP_LOSS_TYPES


def check_pair_types(side: Side, *types: OrderType) -> None:
    """Check the types of the legs (above, below) of an OCO.

    Raises:
        ApiError: -1158, -1165, -1166, -1168, -1196 .. -1199.
    """
    if any(kind in {OrderType.LIMIT, OrderType.MARKET} for kind in types):
        raise ApiError(-1158, "Order type not supported in OCO.")
    is_limit = [kind is OrderType.LIMIT_MAKER for kind in types]
    if all(is_limit):
        raise ApiError(-1168, "At least one OCO order must be contingent.")
    is_loss = [kind in STOP_LOSS_TYPES for kind in types]
    above_takes_profit = not is_limit[0] and not is_loss[0]
    below_takes_profit = not is_limit[1] and not is_loss[1]
    if side is Side.BUY:
        wrong = (
            (is_limit[0], -1165, "A limit order in a buy OCO must be below."),
            (is_loss[1], -1196, "A stop loss order in a buy OCO must be above."),
            (above_takes_profit, -1198, "A take profit order in a buy OCO must be below."),
        )
    else:
        wrong = (
            (is_limit[1], -1166, "A limit order in a sell OCO must be above."),
            (is_loss[0], -1197, "A stop loss order in a sell OCO must be below."),
            (below_takes_profit, -1199, "A take profit order in a sell OCO must be above."),
        )
    for is_wrong, code, message in wrong:
        if is_wrong:
            raise ApiError(code, message)
