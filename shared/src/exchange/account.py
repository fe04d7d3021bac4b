"""Our account on Binance in the platform's own terms: what it holds and did, and the orders it gives."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from shared.src.domain.errors import ContractError, OutcomeUnknownError
from shared.src.exchange.calls import Params, SignedCalls, Urgency
from shared.src.exchange.models import (
    AccountSnapshot,
    Balance,
    Commission,
    ExchangeFill,
    ExchangeOrder,
    OddRow,
    OnOdd,
    OrderReport,
    Replacement,
    field,
    parse_balance,
    parse_commission,
    parse_order,
    parse_placement,
    parse_trade,
    readable,
    row_of,
    rows_in,
)
from shared.src.exchange.shapes import list_of, object_of

logger = logging.getLogger(__name__)

BALANCE_FIELDS = ("asset", "free", "locked")


def log_odd(row: OddRow) -> None:
    """For readers that keep no quarantine of their own."""
    logger.error("row of the exchange left out", extra={"source": row.source, "key": row.key, "reason": row.reason})


class AccountData:
    """Reads. Every method raises what :class:`SignedCalls` says (an answer of another shape is none), or ContractError
    (a single row that is not Binance's).

    One row of a list that cannot be read is told to ``on_odd`` and left out: it must not hide the others.
    """

    def __init__(self, calls: SignedCalls, on_odd: OnOdd = log_odd) -> None:
        self._calls = calls
        self._on_odd = on_odd

    async def account(self) -> AccountSnapshot:
        """Non-zero balances, and whether the key may trade."""
        answer = await self._calls.ask("account", {"omitZeroBalances": "true"}, weight=20, urgency=Urgency.WATCH)
        row = object_of(answer, "account")
        rows = list_of(row.get("balances"), "balances of the account")
        balances = readable(rows, _balance, source="balance", key="asset", on_odd=self._on_odd)
        return AccountSnapshot(
            balances={balance.asset: balance for balance in balances},
            can_trade=bool(row.get("canTrade", False)),
            uid=str(row.get("uid") or ""),
        )

    async def commission(self, symbol: str) -> Commission:
        """What the account pays in a symbol."""
        answer = await self._calls.ask("account/commission", {"symbol": symbol}, weight=20, urgency=Urgency.BULK)
        return parse_commission(object_of(answer, "commission"))

    async def open_orders(self, symbol: str = "") -> list[ExchangeOrder]:
        """Open orders in a symbol; in all symbols when none is named."""
        params, weight, urgency = {"symbol": symbol}, 6, Urgency.CRITICAL
        if not symbol:
            params, weight, urgency = {}, 80, Urgency.WATCH
        answer = await self._calls.ask("openOrders", params, weight=weight, urgency=urgency)
        rows = list_of(answer, "open orders")
        return readable(rows, parse_order, source="order", key="orderId", on_odd=self._on_odd)

    async def order(self, symbol: str, client_order_id: str) -> ExchangeOrder:
        """One order by our id; RejectedError -2013 when the exchange has none."""
        params = {"symbol": symbol, "origClientOrderId": client_order_id}
        answer = await self._calls.ask("order", params, weight=4, urgency=Urgency.CRITICAL)
        return parse_order(object_of(answer, "order"))

    async def order_by_id(self, symbol: str, order_id: int) -> ExchangeOrder:
        """One order by the exchange's id; RejectedError -2013 when there is none."""
        params = {"symbol": symbol, "orderId": str(order_id)}
        answer = await self._calls.ask("order", params, weight=4, urgency=Urgency.CRITICAL)
        return parse_order(object_of(answer, "order"))

    async def trades(
        self, symbol: str, *, order_id: int | None = None, from_id: int | None = None
    ) -> list[ExchangeFill]:
        """Our fills in a symbol, oldest first: the newest 1,000, or as many from a trade id on, or of one order."""
        params = {"symbol": symbol, "limit": "1000"}
        for name, value in (("fromId", from_id), ("orderId", order_id)):
            params |= {name: str(value)} if value is not None else {}
        weight, urgency = (20, Urgency.WATCH) if order_id is None else (5, Urgency.CRITICAL)
        answer = await self._calls.ask("myTrades", params, weight=weight, urgency=urgency)
        rows = list_of(answer, "trades")
        return readable(rows, parse_trade, source="trade", key="id", on_odd=self._on_odd)


def _balance(row: Mapping[str, Any]) -> Balance:
    return parse_balance(row, BALANCE_FIELDS)


@contextmanager
def _verdict_expected(what: str) -> Iterator[None]:
    """Turns an answer that cannot be read into no verdict: the exchange may have done what it was asked."""
    try:
        yield
    except ContractError as error:
        raise OutcomeUnknownError(f"no verdict on {what}: {error}") from error


class OrderCalls:
    """Places and cancels. Every method raises what :class:`SignedCalls` says; an answer that cannot be read is none."""

    def __init__(self, calls: SignedCalls) -> None:
        self._calls = calls

    async def create_order(self, params: Params) -> OrderReport:
        """Place an order. ``params`` as Binance names them, ``newClientOrderId`` included.

        Raises:
            OutcomeUnknownError: no verdict; ask by client order id past the matching horizon.
            TransientError: certainly not placed.
            RejectedError: refused; -2010 "Duplicate order sent." proves that an earlier attempt lives.
        """
        sent = dict(params) | {"newOrderRespType": "FULL"}
        answer = await self._calls.change("post", "order", sent)
        with _verdict_expected("the order"):
            return parse_placement(row_of(answer))

    async def create_oco(self, params: Params) -> list[OrderReport]:
        """Place an OCO pair (POST orderList/oco); answers both legs. Raises as create_order."""
        sent = dict(params) | {"newOrderRespType": "RESULT"}
        answer = await self._calls.change("post", "orderList/oco", sent)
        with _verdict_expected("the pair"):
            return [parse_placement(row) for row in rows_in(answer, "orderReports")]

    async def create_opoco(self, params: Params) -> list[OrderReport]:
        """Place an entry with a pair that sells what it receives (POST orderList/opoco); answers all three orders.

        Raises as create_order.
        """
        sent = dict(params) | {"newOrderRespType": "FULL"}
        answer = await self._calls.change("post", "orderList/opoco", sent)
        with _verdict_expected("the entry and its exits"):
            return [parse_placement(row) for row in rows_in(answer, "orderReports")]

    async def cancel_replace(self, params: Params, canceled: str) -> Replacement:
        """Cancel the order ``canceled`` (our id), with the list it belongs to, and place another in the same call.

        A filter that the new order breaks is told before anything is cancelled.

        Raises:
            OutcomeUnknownError: no verdict on either.
            TransientError: certainly neither.
            RejectedError: -2011, nothing was cancelled and nothing placed; else the new order was refused, and
                whether the old one still stands has to be asked.
        """
        sent = dict(params) | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": canceled}
        answer = await self._calls.change("post", "order/cancelReplace", sent | {"newOrderRespType": "FULL"})
        with _verdict_expected("the order and the cancel"):
            ended = row_of(field(row_of(answer), "cancelResponse"))
            legs = rows_in(ended, "orderReports") if "orderReports" in ended else [ended]
            placed = parse_placement(row_of(field(row_of(answer), "newOrderResponse")))
            return Replacement(ended=tuple(parse_order(leg) for leg in legs), placed=placed)

    async def cancel_order(self, symbol: str, client_order_id: str) -> ExchangeOrder:
        """Cancel one order, or the pair it belongs to; RejectedError -2011 when it is not open any more."""
        params = {"symbol": symbol, "origClientOrderId": client_order_id}
        answer = await self._calls.change("delete", "order", params)
        with _verdict_expected("the cancel"):
            if "orderReports" not in row_of(answer):
                return parse_order(answer)
            legs = {leg.client_order_id: leg for leg in map(parse_order, rows_in(answer, "orderReports"))}
            leg: ExchangeOrder = field(legs, client_order_id)
            return leg

    async def cancel_order_list(self, symbol: str, order_list_id: int) -> list[ExchangeOrder]:
        """Cancel an order list; its legs as they ended. RejectedError -2011 when it is done already."""
        params = {"symbol": symbol, "orderListId": str(order_list_id)}
        answer = await self._calls.change("delete", "orderList", params)
        with _verdict_expected("the cancel"):
            return [parse_order(row) for row in rows_in(answer, "orderReports")]
