"""From parameters to order requests: which field goes with which type, with Binance's errors for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from shared.src.domain.orders import OrderType, Side
from simulator.api.params import Params, missing, not_required
from simulator.engine.errors import ApiError, new_order_rejected
from simulator.engine.orders import STOP_TYPES, ListKind, ListRequest, OrderRequest, StpMode, TimeInForce
from simulator.engine.pairs import check_pair_types

STRATEGY_TYPE_MIN = 1_000_000
PEG_OFFSET_MAX = 100

LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT, OrderType.LIMIT_MAKER})
TIMED = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})


class PegPriceType(StrEnum):
    PRIMARY_PEG = "PRIMARY_PEG"
    MARKET_PEG = "MARKET_PEG"


class PegOffsetType(StrEnum):
    PRICE_LEVEL = "PRICE_LEVEL"


FIELDS = (
    "type",
    "timeInForce",
    "quantity",
    "price",
    "stopPrice",
    "trailingDelta",
    "icebergQty",
    "strategyId",
    "strategyType",
    "pegPriceType",
    "pegOffsetType",
    "pegOffsetValue",
)

SINGLE_PARAMS = (
    "symbol",
    "side",
    *FIELDS,
    "quoteOrderQty",
    "newClientOrderId",
    "newOrderRespType",
    "selfTradePreventionMode",
)


@dataclass(frozen=True)
class Names:
    """How one order's fields are called in a request: ``price``, or ``abovePrice`` for a leg."""

    prefix: str = ""

    def __getitem__(self, name: str) -> str:
        return f"{self.prefix}{name[0].upper()}{name[1:]}" if self.prefix else name

    @property
    def client_id(self) -> str:
        return f"{self.prefix}ClientOrderId" if self.prefix else "newClientOrderId"


def parse_order(params: Params, *, use_sor: bool = False) -> OrderRequest:
    """POST order and its kin.

    Raises:
        ApiError: what is missing, malformed, or does not go together.
    """
    symbol = params.symbol()
    side = parse_side(params, "side")
    names = Names()
    kind = parse_type(params, names["type"])
    quantity, quote = params.decimal("quantity"), params.decimal("quoteOrderQty")
    if kind is OrderType.MARKET:
        _check_market_quantities(quantity, quote)
    elif quote is not None:
        raise not_required("quoteOrderQty")
    elif quantity is None:
        raise missing("quantity")
    return _build(params, names, symbol, side, kind, quantity, quote, use_sor=use_sor)


def _check_market_quantities(quantity: Decimal | None, quote: Decimal | None) -> None:
    if quantity is None and quote is None:
        raise ApiError(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
    if quantity is not None and quote is not None:
        raise ApiError(-1128, "Combination of optional parameters invalid.")


def parse_side(params: Params, name: str) -> Side:
    side = params.choice(name, Side, (-1117, "Invalid side."))
    if side is None:
        raise missing(name)
    return side


def parse_type(params: Params, name: str) -> OrderType:
    kind = params.choice(name, OrderType, (-1116, "Invalid orderType."))
    if kind is None:
        raise missing(name)
    return kind


def _build(
    params: Params,
    names: Names,
    symbol: str,
    side: Side,
    kind: OrderType,
    quantity: Decimal | None,
    quote: Decimal | None = None,
    *,
    use_sor: bool = False,
) -> OrderRequest:
    peg = _parse_peg(params, names, kind)
    for name, value in ((names["quantity"], quantity), ("quoteOrderQty", quote)):
        if value is not None and value == 0:
            raise ApiError(-1013, f"Invalid {'quantity' if value is quantity else name}.")
    price = _parse_price(params, names, kind, is_pegged=peg[0] is not None)
    time_in_force = _parse_time_in_force(params, names, kind)
    stop_price, trailing = _parse_trigger(params, names, kind)
    if peg[0] == PegPriceType.PRIMARY_PEG and kind is OrderType.LIMIT and time_in_force is not TimeInForce.GTC:
        raise new_order_rejected("This price peg cannot be used with this order type.")
    return OrderRequest(
        symbol=symbol,
        side=side,
        type=kind,
        quantity=quantity,
        price=price,
        time_in_force=time_in_force,
        quote_quantity=quote,
        stop_price=stop_price,
        trailing_delta=trailing,
        iceberg=_parse_iceberg(params, names, kind, time_in_force),
        client_order_id=params.client_id(names.client_id),
        strategy_id=params.integer(names["strategyId"]),
        strategy_type=_parse_strategy_type(params, names),
        stp=params.choice("selfTradePreventionMode", StpMode),
        peg_price_type=peg[0],
        peg_offset_type=peg[1],
        peg_offset_value=peg[2],
        use_sor=use_sor,
    )


def _parse_price(params: Params, names: Names, kind: OrderType, *, is_pegged: bool) -> Decimal | None:
    name = names["price"]
    price = params.decimal(name)
    if kind not in LIMITED:
        if price is not None:
            raise not_required(name)
        return None
    if is_pegged:
        return price
    if price is None:
        raise missing(name)
    if price == 0:
        raise ApiError(-1013, "Invalid price.")
    return price


def _parse_time_in_force(params: Params, names: Names, kind: OrderType) -> TimeInForce | None:
    name = names["timeInForce"]
    value = params.choice(name, TimeInForce, (-1115, "Invalid timeInForce."))
    if kind in TIMED:
        if value is None:
            raise missing(name)
        return value
    # A leg of a list says GTC without harm; a single order must not name it.
    if value is not None and not (names.prefix and value is TimeInForce.GTC):
        raise not_required(name)
    return None


def _parse_trigger(params: Params, names: Names, kind: OrderType) -> tuple[Decimal | None, int | None]:
    stop_name, delta_name = names["stopPrice"], names["trailingDelta"]
    stop, delta = params.decimal(stop_name), params.integer(delta_name)
    if kind not in STOP_TYPES:
        for name, value in ((stop_name, stop), (delta_name, delta)):
            if value is not None:
                raise not_required(name)
        return None, None
    if stop is None and delta is None:
        raise ApiError(-1102, f"Param '{stop_name}' or '{delta_name}' must be sent, but both were empty/null!")
    if stop is not None and stop == 0:
        raise ApiError(-1013, "Invalid stopPrice.")
    return stop, delta


def _parse_iceberg(params: Params, names: Names, kind: OrderType, time_in_force: TimeInForce | None) -> Decimal | None:
    name = names["icebergQty"]
    iceberg = params.decimal(name)
    if iceberg is None:
        return None
    if kind not in LIMITED:
        raise not_required(name)
    if time_in_force not in {None, TimeInForce.GTC}:
        if names.prefix:
            tif = names["timeInForce"]
            raise ApiError(-1160, f"Parameter '{name}' is not supported if '{tif}' is not GTC.")
        raise ApiError(-1014, "Unsupported order combination.")
    return iceberg


def _parse_strategy_type(params: Params, names: Names) -> int | None:
    value = params.integer(names["strategyType"])
    if value is not None and value < STRATEGY_TYPE_MIN:
        raise ApiError(-1134, f"{names['strategyType']} was less than 1000000.")
    return value


def _parse_peg(params: Params, names: Names, kind: OrderType) -> tuple[str | None, str | None, int | None]:
    price_type = params.choice(names["pegPriceType"], PegPriceType, (-1210, "Invalid pegPriceType."))
    offset_type = params.choice(names["pegOffsetType"], PegOffsetType, (-1211, "Invalid pegOffsetType."))
    offset = params.integer(names["pegOffsetValue"])
    if (offset is None) != (offset_type is None):
        fields = f"{names['pegOffsetType']}, {names['pegOffsetValue']}"
        raise ApiError(-1128, f"Fields [{fields}] must be sent together or omitted entirely.")
    if price_type is None:
        if offset is not None:
            raise missing(names["pegPriceType"])
        return None, None, None
    if offset is not None and offset > PEG_OFFSET_MAX:
        raise ApiError(-1102, f"'{names['pegOffsetValue']}' contains unexpected value. Cannot be greater than 100.")
    if kind not in LIMITED:
        raise new_order_rejected("This order type may not use pegged price.")
    if kind is OrderType.LIMIT_MAKER and price_type is PegPriceType.MARKET_PEG:
        raise new_order_rejected("This price peg cannot be used with this order type.")
    return price_type.value, None if offset_type is None else offset_type.value, offset


# -- order lists ----------------------------------------------------------------------------------------------

_LIST_COMMON = ("symbol", "listClientOrderId", "newOrderRespType", "selfTradePreventionMode")
_LEG_PREFIXES: dict[ListKind, tuple[str, ...]] = {
    ListKind.OCO: ("above", "below"),
    ListKind.OTO: ("working", "pending"),
    ListKind.OPO: ("working", "pending"),
    ListKind.OTOCO: ("working", "pendingAbove", "pendingBelow"),
    ListKind.OPOCO: ("working", "pendingAbove", "pendingBelow"),
}
_PENDING_SIDES = ("pendingSide", "pendingQuantity")


def list_params(kind: ListKind) -> tuple[str, ...]:
    """Every parameter of orderList/oco, oto, otoco, opo or opoco.

    The legs of a pair share their quantity, and a working order has no trigger.
    """
    names = [*_LIST_COMMON]
    for prefix in _LEG_PREFIXES[kind]:
        leg = Names(prefix)
        strange = {"stopPrice", "trailingDelta"} if prefix == "working" else {"quantity"}
        names += [*(leg[name] for name in FIELDS if name not in strange), leg.client_id]
    if kind is ListKind.OCO:
        return (*names, "side", "quantity")
    return (*names, "workingSide", *_PENDING_SIDES)


DEPRECATED_OCO_PARAMS = (
    *_LIST_COMMON,
    "side",
    "quantity",
    "limitClientOrderId",
    "price",
    "limitStrategyId",
    "limitStrategyType",
    "limitIcebergQty",
    "trailingDelta",
    "stopClientOrderId",
    "stopPrice",
    "stopStrategyId",
    "stopStrategyType",
    "stopLimitPrice",
    "stopIcebergQty",
    "stopLimitTimeInForce",
)


def parse_list(params: Params, kind: ListKind) -> ListRequest:
    """An order list.

    Raises:
        ApiError: what is missing, malformed, or does not go together (-1158 .. -1199, -1222 .. -1225 included).
    """
    symbol = params.symbol()
    list_id = params.client_id("listClientOrderId")
    if kind is ListKind.OCO:
        side, quantity = parse_side(params, "side"), params.required_decimal("quantity")
        _check_pair(params, kind, side)
        legs = tuple(_parse_leg(params, prefix, symbol, side, quantity) for prefix in _LEG_PREFIXES[kind])
        return ListRequest(kind, symbol, legs, list_id)
    working = _parse_working(params, symbol, kind)
    return ListRequest(kind, symbol, (working, *_parse_pending(params, symbol, kind)), list_id)


def _check_pair(params: Params, kind: ListKind, side: Side) -> None:
    """Whether the types of a pair go together decides which other parameters its legs take."""
    above, below = (parse_type(params, f"{prefix}Type") for prefix in _LEG_PREFIXES[kind][-2:])
    check_pair_types(side, above, below)


def _parse_leg(params: Params, prefix: str, symbol: str, side: Side, quantity: Decimal | None) -> OrderRequest:
    names = Names(prefix)
    return _build(params, names, symbol, side, parse_type(params, names["type"]), quantity)


def _parse_working(params: Params, symbol: str, kind: ListKind) -> OrderRequest:
    side = parse_side(params, "workingSide")
    quantity = params.decimal("workingQuantity")
    if quantity is None:
        if kind in {ListKind.OPO, ListKind.OPOCO}:
            raise ApiError(-1224, "Working order must include the 'workingQuantity' tag.")
        raise missing("workingQuantity")
    if kind in {ListKind.OPO, ListKind.OPOCO} and side is not Side.BUY:
        raise ApiError(-1222, "Working order in an OPO list must be a bid.")
    if parse_type(params, "workingType") not in {OrderType.LIMIT, OrderType.LIMIT_MAKER}:
        raise ApiError(-1014, "Unsupported order combination.")
    return _parse_leg(params, "working", symbol, side, quantity)


def _parse_pending(params: Params, symbol: str, kind: ListKind) -> tuple[OrderRequest, ...]:
    side = parse_side(params, "pendingSide")
    quantity = params.decimal("pendingQuantity")
    if kind in {ListKind.OPO, ListKind.OPOCO}:
        if side is not Side.SELL:
            raise ApiError(-1223, "Pending orders in an OPO list must be asks.")
        if quantity is not None:
            raise ApiError(-1225, "Pending orders should not include the 'pendingQuantity' tag.")
    elif quantity is None:
        raise missing("pendingQuantity")
    if kind in {ListKind.OTOCO, ListKind.OPOCO}:
        _check_pair(params, kind, side)
    return tuple(_parse_leg(params, prefix, symbol, side, quantity) for prefix in _LEG_PREFIXES[kind][1:])


def parse_deprecated_oco(params: Params) -> ListRequest:
    """POST order/oco: LIMIT_MAKER and STOP_LOSS(_LIMIT) of one quantity. Raises ApiError."""
    symbol, side = params.symbol(), parse_side(params, "side")
    quantity, stp = params.required_decimal("quantity"), params.choice("selfTradePreventionMode", StpMode)
    limit = OrderRequest(
        symbol,
        side,
        OrderType.LIMIT_MAKER,
        quantity,
        params.required_decimal("price"),
        stp=stp,
        client_order_id=params.client_id("limitClientOrderId"),
        iceberg=params.decimal("limitIcebergQty"),
        strategy_id=params.integer("limitStrategyId"),
        strategy_type=params.integer("limitStrategyType"),
    )
    stop_limit = params.decimal("stopLimitPrice")
    tif = params.choice("stopLimitTimeInForce", TimeInForce, (-1115, "Invalid timeInForce."))
    if stop_limit is not None and tif is None:
        raise missing("stopLimitTimeInForce")
    stop = OrderRequest(
        symbol,
        side,
        OrderType.STOP_LOSS if stop_limit is None else OrderType.STOP_LOSS_LIMIT,
        quantity,
        stop_limit,
        tif,
        stop_price=params.required_decimal("stopPrice"),
        stp=stp,
        trailing_delta=params.integer("trailingDelta"),
        iceberg=params.decimal("stopIcebergQty"),
        client_order_id=params.client_id("stopClientOrderId"),
        strategy_id=params.integer("stopStrategyId"),
        strategy_type=params.integer("stopStrategyType"),
    )
    legs = (limit, stop) if side is Side.SELL else (stop, limit)
    return ListRequest(ListKind.OCO, symbol, legs, params.client_id("listClientOrderId"))
