"""What the exchange says of orders, fills and balances: one form for REST answers and stream events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from shared.src.domain.errors import ContractError, TransientError
from shared.src.domain.money import ZERO
from shared.src.domain.orders import OrderStatus, OrderType, Side
from shared.src.exchange.quote_amounts import quote_amounts

R = TypeVar("R")

# What a row that is not as agreed makes the code that reads it raise.
MALFORMED = (KeyError, ValueError, TypeError, ArithmeticError, AttributeError)
# Fields that are shown of a row that cannot be read. Not whole rows: what is odd may have come from anywhere.
SHOWN = (
    *("symbol", "orderId", "orderListId", "clientOrderId", "side", "type", "status", "origQty", "executedQty", "price"),
    *("id", "qty", "quoteQty", "commission", "commissionAsset", "asset", "free", "locked"),
    *("e", "s", "i", "t", "C", "c", "S", "o", "X", "x", "q", "z", "p", "l", "L", "n", "N", "B"),
)
# What became of an order that never had a quantity: a leg of a list that waits for its working order.
WITHOUT_FILLS = frozenset({"PENDING_NEW", "CANCELED", "EXPIRED", "REJECTED"})


@dataclass(frozen=True, slots=True)
class OddRow:
    """One thing among others that cannot be handled: what it is (``source``, ``key``), why not, and what it says."""

    source: str
    key: str
    reason: str
    symbol: str = ""
    content: str = ""


OnOdd = Callable[[OddRow], None]


@dataclass(frozen=True, slots=True)
class Balance:
    """Units of an asset: ``free`` to use, ``locked`` by open orders."""

    asset: str
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """Balances, whether the key may trade, and the account's number where the exchange tells it."""

    balances: dict[str, Balance]
    can_trade: bool
    uid: str = ""

    def free(self, asset: str) -> Decimal:
        held = self.balances.get(asset)
        return held.free if held else ZERO


@dataclass(frozen=True, slots=True)
class BookTicker:
    symbol: str
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal

    @property
    def middle(self) -> Decimal:
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class Commission:
    """What the account pays in a symbol, shares of what a trade brings, the dearer side of buying and selling.

    ``standard`` is multiplied by ``discount`` where the fee is paid in ``discount_asset``, None where the account or
    the symbol has no such discount; ``extra`` (special commission and tax) is not. Each as (maker, taker).
    """

    standard: tuple[Decimal, Decimal]
    extra: tuple[Decimal, Decimal]
    discount: Decimal | None
    discount_asset: str


@dataclass(frozen=True, slots=True)
class ExchangeOrder:
    """An order as the exchange sees it. ``executed_quote`` is None when the exchange does not know it."""

    symbol: str
    order_id: int
    client_order_id: str
    side: Side
    type: OrderType
    status: OrderStatus
    quantity: Decimal
    executed_quantity: Decimal
    executed_quote: Decimal
    price: Decimal | None
    stop_price: Decimal | None
    time_in_force: str
    order_list_id: int | None
    time_ms: int
    is_working: bool = True


@dataclass(frozen=True, slots=True)
class ExchangeFill:
    """One fill of one of our orders; ``trade_id`` is unique in its symbol.

    ``quote_quantity`` is what the exchange moved, to its own digits. ``fee`` in units of ``fee_asset``, which is empty
    where no fee was taken: the stream names none then, the trade list some.
    """

    symbol: str
    trade_id: int
    order_id: int
    side: Side
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool
    time_ms: int


@dataclass(frozen=True, slots=True)
class OrderReport:
    """An order as it stands after something happened to it, with the fills that this report brings."""

    order: ExchangeOrder
    fills: tuple[ExchangeFill, ...] = ()


@dataclass(frozen=True, slots=True)
class Replacement:
    """An order that took the place of others: those that ended for it, as far as the answer names them."""

    ended: tuple[ExchangeOrder, ...]
    placed: OrderReport


# Statuses Binance has and the platform does not tell apart from another one
_STATUS = {"PENDING_CANCEL": OrderStatus.NEW}


def order_status(text: str) -> OrderStatus:
    return _STATUS.get(text) or OrderStatus(text)


def row_of(answer: Any) -> Mapping[str, Any]:
    """Raises ContractError when the answer is no object."""
    if not isinstance(answer, Mapping):
        raise ContractError("answer of the exchange that is not an object")
    return answer


def field(answer: Any, name: str) -> Any:
    """Raises ContractError when the answer has no such field."""
    row = row_of(answer)
    if name not in row:
        raise ContractError(f"answer of the exchange without {name}")
    return row[name]


def rows_in(answer: Any, name: str) -> list[Mapping[str, Any]]:
    """Raises ContractError when the answer has no list of objects of that name."""
    rows = field(answer, name)
    if not isinstance(rows, list):
        raise ContractError(f"answer of the exchange whose {name} is not a list")
    return [row_of(row) for row in rows]


def readable(rows: list[Any], parse: Callable[[Any], R], *, source: str, key: str, on_odd: OnOdd) -> list[R]:
    """The rows that can be read; every other one is told to ``on_odd``, with the reason, and left out.

    ``key``: the field that names a row among its kind.

    Raises:
        TransientError: no row has it, so this is no list of such rows: somebody else spoke.
    """
    if rows and not any(isinstance(row, Mapping) and key in row for row in rows):
        raise TransientError(f"{source}: the exchange's answer is about something else")
    found: list[R] = []
    for row in rows:
        try:
            found.append(parse(row))
        except ContractError as error:
            on_odd(odd_row(row, str(error), source=source, key=key, symbol="symbol"))
    return found


def odd_row(row: Any, reason: str, *, source: str, key: str, symbol: str) -> OddRow:
    """A row that cannot be read, named as well as it can be: by ``key`` within ``symbol``, both names of its fields."""
    named = row if isinstance(row, Mapping) else {}
    market = str(named.get(symbol, ""))
    shown = {name: named[name] for name in SHOWN if name in named}
    return OddRow(source, f"{market}/{named.get(key, '?')}", reason, symbol=market, content=repr(shown))


def parse_order(row: Mapping[str, Any]) -> ExchangeOrder:
    """An order from a REST answer: RESULT or FULL of a placement, a query, or a cancel.

    Raises:
        ContractError: a field is missing or malformed.
    """
    try:
        original = row.get("origClientOrderId")
        return ExchangeOrder(
            symbol=row["symbol"],
            order_id=int(row["orderId"]),
            client_order_id=original or row["clientOrderId"],
            side=Side(row["side"]),
            type=OrderType(row["type"]),
            status=order_status(row["status"]),
            quantity=_quantity(row),
            executed_quantity=_amount(row["executedQty"]),
            executed_quote=max(ZERO, _amount(row["cummulativeQuoteQty"])),
            price=_positive(row.get("price")),
            stop_price=_positive(row.get("stopPrice")),
            time_in_force=row.get("timeInForce", ""),
            order_list_id=_list_id(row.get("orderListId", -1)),
            time_ms=int(row.get("updateTime") or row.get("transactTime") or row.get("time") or 0),
            is_working=bool(row.get("isWorking", row.get("workingTime", 0) != -1)),
        )
    except MALFORMED as error:
        raise ContractError(f"order from the exchange: {error!r}") from error


def _quantity(row: Mapping[str, Any]) -> Decimal:
    """The pending orders of an OPO sell what another order will receive: they have no quantity before it filled, and
    none for good when the list ends before that.
    """
    is_untouched = row["status"] in WITHOUT_FILLS and not _amount(row["executedQty"])
    return _amount(row.get("origQty", 0) if is_untouched else row["origQty"])


def parse_placement(row: Mapping[str, Any]) -> OrderReport:
    """A FULL placement answer: the order and the fills it took at once (as taker).

    Without the fills where it does not say what they came to in quote units: the order executed more than was booked
    then, and its fills are read from the trade list.
    """
    order = parse_order(row)
    fills = row.get("fills", ())
    try:
        products = [_amount(fill["price"]) * _amount(fill["qty"]) for fill in fills]
        amounts = quote_amounts(products, order.executed_quote) or ()
        taken = zip(fills if amounts else (), amounts, strict=True)
        return OrderReport(order, tuple(_taken(order, fill, amount) for fill, amount in taken))
    except MALFORMED as error:
        raise ContractError(f"fills from the exchange: {error!r}") from error


def _taken(order: ExchangeOrder, fill: Mapping[str, Any], quote_quantity: Decimal) -> ExchangeFill:
    fee = _amount(fill["commission"])
    return ExchangeFill(
        symbol=order.symbol,
        trade_id=int(fill["tradeId"]),
        order_id=order.order_id,
        side=order.side,
        price=_amount(fill["price"]),
        quantity=_amount(fill["qty"]),
        quote_quantity=quote_quantity,
        fee=fee,
        fee_asset=_fee_asset(fee, fill["commissionAsset"]),
        is_maker=False,
        time_ms=order.time_ms,
    )


def parse_trade(row: Mapping[str, Any]) -> ExchangeFill:
    """A row of GET /api/v3/myTrades."""
    try:
        fee = _amount(row["commission"])
        return ExchangeFill(
            symbol=row["symbol"],
            trade_id=int(row["id"]),
            order_id=int(row["orderId"]),
            side=Side.BUY if row["isBuyer"] else Side.SELL,
            price=_amount(row["price"]),
            quantity=_amount(row["qty"]),
            quote_quantity=_amount(row["quoteQty"]),
            fee=fee,
            fee_asset=_fee_asset(fee, row["commissionAsset"]),
            is_maker=bool(row["isMaker"]),
            time_ms=int(row["time"]),
        )
    except MALFORMED as error:
        raise ContractError(f"trade from the exchange: {error!r}") from error


def parse_commission(row: Mapping[str, Any]) -> Commission:
    """GET /api/v3/account/commission.

    Raises:
        ContractError: a field is missing or malformed.
    """
    try:
        special, tax = _rates(row["specialCommission"]), _rates(row["taxCommission"])
        discount = row["discount"]
        enabled = discount["enabledForAccount"] and discount["enabledForSymbol"]
        return Commission(
            standard=_rates(row["standardCommission"]),
            extra=(special[0] + tax[0], special[1] + tax[1]),
            discount=_amount(discount["discount"]) if enabled else None,
            discount_asset=str(discount["discountAsset"]),
        )
    except MALFORMED as error:
        raise ContractError(f"commission from the exchange: {error!r}") from error


def _rates(row: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    """(maker, taker), each with what the dearer side adds."""
    side = max(_amount(row["buyer"]), _amount(row["seller"]))
    return _amount(row["maker"]) + side, _amount(row["taker"]) + side


def parse_execution_report(event: Mapping[str, Any]) -> OrderReport:
    """An executionReport of the user data stream."""
    try:
        order = ExchangeOrder(
            symbol=event["s"],
            order_id=int(event["i"]),
            client_order_id=event["C"] or event["c"],
            side=Side(event["S"]),
            type=OrderType(event["o"]),
            status=order_status(event["X"]),
            quantity=_amount(event["q"]),
            executed_quantity=_amount(event["z"]),
            executed_quote=_amount(event["Z"]),
            price=_positive(event["p"]),
            stop_price=_positive(event["P"]),
            time_in_force=event["f"],
            order_list_id=_list_id(event["g"]),
            time_ms=int(event["T"]),
            is_working=bool(event["w"]),
        )
        return OrderReport(order, (_event_fill(event),) if event["x"] == "TRADE" else ())
    except MALFORMED as error:
        raise ContractError(f"executionReport: {error!r}") from error


def _event_fill(event: Mapping[str, Any]) -> ExchangeFill:
    fee = _amount(event["n"] or 0)
    return ExchangeFill(
        symbol=event["s"],
        trade_id=int(event["t"]),
        order_id=int(event["i"]),
        side=Side(event["S"]),
        price=_amount(event["L"]),
        quantity=_amount(event["l"]),
        quote_quantity=_amount(event["Y"]),
        fee=fee,
        fee_asset=_fee_asset(fee, event["N"]),
        is_maker=bool(event["m"]),
        time_ms=int(event["T"]),
    )


def parse_balances(rows: list[Mapping[str, Any]], keys: tuple[str, str, str]) -> dict[str, Balance]:
    """Balances from rows whose asset, free and locked fields have the given names."""
    return {balance.asset: balance for balance in (parse_balance(row, keys) for row in rows)}


def parse_balance(row: Mapping[str, Any], keys: tuple[str, str, str]) -> Balance:
    """One row of them.

    Raises:
        ContractError: a field is missing or malformed.
    """
    asset, free, locked = keys
    try:
        return Balance(row[asset], _amount(row[free]), _amount(row[locked]))
    except MALFORMED as error:
        raise ContractError(f"balance from the exchange: {error!r}") from error


def _amount(text: Any) -> Decimal:
    """A number as Binance writes one. Raises ValueError, ArithmeticError: not a number, or not a finite one."""
    amount = Decimal(text)
    if not amount.is_finite():
        raise ValueError(f"{text!r} is no amount")
    return amount


def _fee_asset(fee: Decimal, named: str | None) -> str:
    """Raises ContractError when a fee was taken in an asset that nobody names."""
    if fee and not named:
        raise ContractError(f"a fee of {fee} from the exchange without its asset")
    return named if fee and named else ""


def _positive(text: Any) -> Decimal | None:
    """Binance writes 0 for a price that an order does not have."""
    amount = _amount(text or 0)
    return amount if amount > 0 else None


def _list_id(value: Any) -> int | None:
    return None if int(value) < 0 else int(value)
