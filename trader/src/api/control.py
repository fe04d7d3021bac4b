"""What a person can ask of the trader, run on the trader's loop: each question or command is one method."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import ROUND_UP, Decimal
from typing import Any

from core.execution.arrival import Arrival, arrival_of
from core.positions.by_hand import is_taken_off, last_stop
from core.positions.cancellation import ending_of
from core.positions.model import MANUAL, Cycle, Order, Purpose
from core.positions.moves import LevelMove, judged_move
from core.positions.refusals import breaks_rules
from core.risk.limits import RiskLimits
from core.risk.order_gate import most_spent
from core.risk.verdicts import Refused
from core.statistics.figures import rounded
from core.statistics.open_positions import unrealised
from shared.src.contracts.orders import OrderIntent
from shared.src.database import Database
from shared.src.domain.errors import RejectedError, TransientError
from shared.src.domain.ids import client_order_id, derived_id
from shared.src.domain.money import ZERO
from shared.src.domain.orders import IntentKind, OrderType, Side
from shared.src.domain.plain import plain
from shared.src.exchange.rules import SymbolRules
from shared.src.frame.auth import Authorizer, Principal, Scope
from trader.src.adapters.postgres_reads import PostgresReads
from trader.src.adapters.rows import plan_document
from trader.src.api.entry_plans import execution_of, plan_answer
from trader.src.api.halt_control import HaltControl, shown
from trader.src.api.models import ClosePosition, ManualOrder, MoveLevels, OrdersQuery, PauseRequest
from trader.src.ports import PocketFunds
from trader.src.service import TraderService

ANSWER_S = 5.0
POLL_S = 0.02
RESERVED_STEP = Decimal("1e-8")
ASK_AGAIN_S = 1.0
ENDING_S_MAX = 18.0  # the API gives up at 20
MARGIN_S = 2.0
BLIND_S_MAX = 10.0
FORBIDDEN, NOT_FOUND, CONFLICT, UNPROCESSABLE = 403, 404, 409, 422


class TraderControl:
    """Raises RejectedError with an HTTP status as its code, TransientError when something is away."""

    def __init__(
        self,
        trader: TraderService,
        database: Database,
        auth: Authorizer,
        pockets: PocketFunds,
        require: Callable[[], None] = lambda: None,
    ) -> None:
        self._trader = trader
        self._store = trader.store
        self._reads = PostgresReads(database)
        self._auth = auth
        self._pockets = pockets
        self._require = require
        self.halts = HaltControl(trader, auth)

    async def authorize(self, authorization: str | None, scope: Scope) -> Principal:
        """Who gives a command. Raises TransientError too: a trader that stands by takes none."""
        principal = await self._auth.check(authorization, scope)
        self._require()
        return principal

    # Reading

    async def orders(self, query: OrdersQuery) -> list[dict[str, Any]]:
        return await self._reads.orders(query)

    async def order(self, order_id: str) -> dict[str, Any]:
        found = await self._reads.order(order_id)
        if found is None:
            raise RejectedError(f"there is no order {order_id}", code=NOT_FOUND)
        return found

    async def stats(self) -> dict[str, Any]:
        stats = await self._reads.stats()
        positions = await self.positions()
        unrealised = sum((Decimal(item["unrealised_profit_loss"] or 0) for item in positions), ZERO)
        return dict(stats) | {"unrealised_profit_loss": plain(unrealised), "quote_asset": self._quote}

    @property
    def _quote(self) -> str:
        return self._trader.settings.quote_asset

    async def positions(self) -> list[dict[str, Any]]:
        """Open cycles, valued at what they could be sold for now."""
        cycles = await self._store.open_cycles()
        return [await self._position(cycle) for cycle in cycles]

    async def _position(self, cycle: Cycle) -> dict[str, Any]:
        bid: Decimal | None = None
        try:
            bid = (await self._trader.prices.ticker(cycle.symbol)).bid
        except (TransientError, RejectedError) as error:
            price_note = str(error)
        else:
            price_note = ""
        held = cycle.quantity - cycle.exit_quantity
        now = unrealised(held, entry_price=cycle.entry_price, price=bid)
        shown = {
            "cycle_id": cycle.id,
            "symbol": cycle.symbol,
            "strategy": cycle.strategy,
            "managed_by": cycle.managed_by.value,
            "pocket": cycle.pocket,
            "status": cycle.status.value,
            "side": Side.BUY.value,
            "quantity": held,
            "entry_price": cycle.entry_price,
            "entry_benchmark": cycle.entry_benchmark,
            "entry_slippage_bips": cycle.entry_slippage_bips,
            "current_price": bid,
            "price_note": price_note,
            "unrealised_profit_loss": now.profit,
            "unrealised_percent": rounded(now.percent),
            "stop_price": cycle.stop_price,
            "take_profit_price": cycle.take_profit_price,
            "fees": cycle.fees,
            "min_price": cycle.min_price,
            "max_price": cycle.max_price,
            "protected_at": cycle.protected_at,
            "unprotected_s": cycle.unprotected_s,
            "opened_at": cycle.opened_at,
            "created_at": cycle.created_at,
            "exit_reason": cycle.exit_reason,
            "entering": cycle.entering,
            "execution": None if cycle.plan is None else plan_document(cycle.plan),
        }
        answer: dict[str, Any] = plain(shown)
        return answer

    async def balance(self) -> dict[str, Any]:
        """Balances as the exchange last said."""
        if not self._trader.funds.is_known:
            self._trader.funds.replace((await self._trader.exchange.account()).balances)
        rows = [
            {"asset": item.asset, "free": item.free, "locked": item.locked, "total": item.total}
            for item in sorted(self._trader.funds.balances.values(), key=lambda item: item.asset)
            if item.total
        ]
        return {"balances": plain(rows), "quote_asset": self._quote}

    async def price(self, symbol: str) -> dict[str, Any]:
        self._check_symbol(symbol)
        ticker = await self._trader.prices.ticker(symbol)
        shown = {"symbol": symbol, "bid": ticker.bid, "ask": ticker.ask, "price": ticker.middle}
        answer: dict[str, Any] = plain(shown)
        return answer

    async def prices(self) -> dict[str, Any]:
        """The last known price of every symbol; null where none is known."""
        shown: dict[str, Any] = {}
        for symbol in self._trader.symbols:
            ticker = await self._trader.prices.latest(symbol)
            shown[symbol] = None if ticker is None else plain(ticker.middle)
        return {"prices": shown}

    async def pauses(self) -> list[dict[str, Any]]:
        return [plain(shown(item)) for item in await self._store.pauses()]

    async def quarantine(self) -> list[dict[str, Any]]:
        """What is set aside, the newest first; then what was and could be handled later (``released_at``)."""
        return [
            plain(
                {
                    "source": item.row.source,
                    "key": item.row.key,
                    "symbol": item.row.symbol,
                    "reason": item.row.reason,
                    "content": item.row.content,
                    "since": item.since,
                    "released_at": item.released_at,
                }
            )
            for item in await self._store.quarantined()
        ]

    # Commands

    async def place(self, principal: Principal, request: ManualOrder, key: str | None) -> dict[str, Any]:
        """Place an order by hand. The same idempotency key of the same token is the same order, also
        where its answer was never kept.
        """
        self._check_symbol(request.symbol)
        unique = f"{principal.token_id}/{key}" if key else uuid.uuid4().hex
        intent_id = derived_id("manual", unique)
        await self._auth.record(principal, "order", request.model_dump(mode="json") | {"intent_id": intent_id})
        rules = await self._rules(request.symbol)
        if request.side is Side.SELL:
            return await self._answer(await self._sell(request, intent_id, rules))
        order_id = await self._buy(request, intent_id, rules)
        cycle = await self._store.cycle(derived_id("cy", intent_id))
        if cycle is not None and cycle.plan is not None:
            return plan_answer(await self._store.view(cycle.id))
        return await self._answer(order_id)

    async def _buy(self, request: ManualOrder, intent_id: str, rules: SymbolRules) -> str:
        order_id = client_order_id(intent_id, "entry", 1)
        if await self._store.order(order_id) is not None:
            return order_id
        # a person who orders right after the start, or while a stream comes back, waits instead of being refused
        await self._trader.reconciler.outlook.clears(BLIND_S_MAX)
        ticker = await self._trader.prices.ticker(request.symbol)
        limit = request.limit_price
        price = limit or request.stop_price or min(request.reference_price or ticker.ask, ticker.ask)
        now = self._trader.clock.now()
        limits = RiskLimits.of(self._trader.settings)
        spends = request.quote_quantity or most_spent(request.quantity or ZERO, price, limit, limits)
        await self._reserve(intent_id, request.pocket, spends * await self._rate(rules.quote))
        intent = OrderIntent(
            message_id=intent_id,
            occurred_at=now,
            correlation_id=intent_id,
            symbol=request.symbol,
            kind=IntentKind.ENTRY,
            side=Side.BUY,
            type=request.type,
            quantity=request.quantity,
            price=limit,
            reference_price=price,
            reserved=spends,
            stop_loss=request.stop_loss,
            take_profit=request.take_profit,
            strategy=MANUAL,
            strength=request.strength or 0.0,
            pocket=request.pocket,
            managed_by=request.managed_by,
            decided_on=self._trader.clock.now_ms(),
            reason="by hand",
        )
        taken = await self._trader.intents.take(
            intent,
            trigger=request.stop_price,
            rests_for=None if request.expires_s is None else timedelta(seconds=request.expires_s),
            execution=execution_of(request, self._trader.settings),
        )
        if taken.refused:
            raise RejectedError(taken.refused, code=UNPROCESSABLE)
        return taken.client_order_id

    async def _rate(self, quote: str) -> Decimal:
        """Units of the asset of valuation for one unit of a quote asset.

        Raises:
            RejectedError: nobody knows.
        """
        rate = (await self._trader.risk.rates([quote])).get(quote)
        if rate is None:
            raise RejectedError(f"what {quote} is worth in {self._quote} is not known", code=UNPROCESSABLE)
        return rate

    async def _reserve(self, intent_id: str, pocket: str, amount: Decimal) -> None:
        """Have the pocket pay. An account whose books nobody has ever kept has no pockets to pay from."""
        try:
            await self._pockets.reserve(intent_id, pocket=pocket, amount=amount.quantize(RESERVED_STEP, ROUND_UP))
        except TransientError:
            if await self._reads.has_pockets():
                raise

    async def _sell(self, request: ManualOrder, intent_id: str, rules: SymbolRules) -> str:
        order_id = client_order_id(intent_id, "sale", 1)
        if await self._store.order(order_id) is not None:
            return order_id
        market = request.type in {OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT}
        quantity = rules.floor_quantity(request.quantity or ZERO, market=market)
        limit = request.limit_price
        price = limit or request.stop_price or (await self._trader.prices.ticker(request.symbol)).bid
        free = self._trader.funds.free(rules.base)
        refusal = rules.refusal(quantity, price, market=market)
        if not refusal and quantity > free:
            refusal = f"{quantity} {rules.base} are not free, only {free}; open positions are closed by /close"
        if refusal:
            raise RejectedError(refusal, code=UNPROCESSABLE)
        order = Order(
            client_order_id=order_id,
            intent_id=intent_id,
            cycle_id=None,
            attempt=1,
            purpose=Purpose.MANUAL,
            symbol=request.symbol,
            side=Side.SELL,
            type=request.type,
            quantity=quantity,
            created_at=self._trader.clock.now(),
            time_in_force=None if market or request.type is OrderType.LIMIT_MAKER else "GTC",
            price=limit,
            stop_price=request.stop_price,
            correlation_id=intent_id,
            arrival=await self._arrival(request.symbol, Side.SELL),
        )
        if await self._store.accept(intent_id, [order], reason="sale by hand"):
            await self._trader.orders.submit(order)
        return order_id

    async def _arrival(self, symbol: str, side: Side) -> Arrival | None:
        """The market as it was last told; an order is not held up to be measured."""
        ticker = await self._trader.prices.latest(symbol)
        return None if ticker is None else arrival_of(ticker, side)

    async def _answer(self, order_id: str) -> dict[str, Any]:
        """The order once the exchange has spoken, or as it stands after 5 s; of an entry sent again, the last."""
        waited = 0.0
        while True:
            order = await self._last_attempt(order_id)
            if order is not None and (waited >= ANSWER_S or await self._is_answered(order)):
                break
            await self._trader.clock.sleep(POLL_S)
            waited += POLL_S
        if order.reject_code is not None:
            raise RejectedError(order.reason, code=UNPROCESSABLE)
        return await self.order(order.client_order_id)

    async def _last_attempt(self, order_id: str) -> Order | None:
        order = await self._store.order(order_id)
        if order is None or order.cycle_id is None or order.side is Side.SELL:
            return order
        entries = (await self._store.view(order.cycle_id)).of(Side.BUY)
        return max(entries, key=lambda entry: entry.attempt)

    async def _is_answered(self, order: Order) -> bool:
        """One at market is answered when it is done: the stream may tell of its arrival before its fills.

        An entry that broke the symbol's rules is perhaps sent again by new ones: its cycle decides.
        """
        if breaks_rules(order) and order.cycle_id is not None:
            return (await self._store.view(order.cycle_id)).cycle.is_ended
        return order.is_done if order.is_immediate else not order.is_unresolved

    async def cancel(self, principal: Principal, order_id: str, *, sells: bool = False) -> dict[str, Any]:
        """Take an order back, and tell in ``outcome`` what became of it.

        One that got no answer is waited for until the exchange can no longer carry it out. What an entry had bought
        stays a protected position, or is sold (``sells``). The protection of a position goes only with the position.
        """
        shown = await self.order(order_id)
        order = await self._store.order(shown["client_order_id"])
        if order is None or (order.is_done and not await self._goes_on(order)):
            raise RejectedError(f"order {order_id} is not open: {shown['status']}", code=CONFLICT)
        if order.is_protection:
            raise RejectedError(f"this order protects cycle {order.cycle_id}: close the cycle instead", code=CONFLICT)
        await self._auth.record(principal, "cancel", {"order_id": order.client_order_id, "sells": sells})
        if order.cycle_id is not None and order.side is Side.BUY:
            await self._store.cancel_entry(order.cycle_id)
            if sells:
                await self._store.request_exit(order.cycle_id, "canceled by hand")
        ended = await self._canceled(order)
        return await self.order(ended.client_order_id) | {"outcome": ending_of(ended).value}

    async def _goes_on(self, order: Order) -> bool:
        """Whether it is one of several of an entry, of which more may follow: taking it back takes those back."""
        cycle = await self._store.cycle(order.cycle_id) if order.cycle_id is not None else None
        return cycle is not None and cycle.entering and order.side is Side.BUY

    async def _canceled(self, order: Order) -> Order:
        """The order once it has ended, or as it stands when nothing more can be learnt in time."""
        deadline = self._trader.clock.monotonic() + min(self._trader.orders.horizon_s + MARGIN_S, ENDING_S_MAX)
        while True:
            if order.is_open:
                await self._trader.orders.cancel(order)
            elif order.is_unresolved and order.cycle_id is None:
                await self._trader.orders.resolve(order)
            if order.cycle_id is not None:
                self._trader.cycle_manager.wake(order.cycle_id)
            order = await self._store.order(order.client_order_id) or order
            if order.is_done or self._trader.clock.monotonic() > deadline:
                return order
            await self._trader.clock.sleep(ASK_AGAIN_S)

    async def close_cycle(self, principal: Principal, cycle_id: str, reason: str) -> dict[str, Any]:
        """Close one position: protection off, the position's quantity sold at market."""
        cycle = next((item for item in await self._store.open_cycles() if item.id == cycle_id), None)
        if cycle is None:
            raise RejectedError(f"there is no open cycle {cycle_id}", code=NOT_FOUND)
        await self._auth.record(principal, "close", {"cycle_id": cycle_id, "reason": reason})
        await self._store.request_exit(cycle_id, reason)
        self._trader.cycle_manager.wake(cycle_id)
        return {"cycle_id": cycle_id, "symbol": cycle.symbol, "status": "closing", "reason": reason}

    async def move_levels(self, principal: Principal, cycle_id: str, request: MoveLevels) -> dict[str, Any]:
        """Move the stop or the target of an open position; answers the position as it stands after that."""
        cycle = next((item for item in await self._store.open_cycles() if item.id == cycle_id), None)
        if cycle is None:
            raise RejectedError(f"there is no open cycle {cycle_id}", code=NOT_FOUND)
        asked = LevelMove(request.stop_price, request.take_profit_price, request.loosen)
        bid = (await self._trader.prices.ticker(cycle.symbol)).bid
        last = await self._trader.exchange.last_price(cycle.symbol)
        match judged_move(cycle, asked, await self._rules(cycle.symbol), bid=bid, last=last):
            case Refused(reason):
                raise RejectedError(reason, code=UNPROCESSABLE)
            case LevelMove() as move:
                await self._auth.record(principal, "move", request.model_dump(mode="json") | {"cycle_id": cycle_id})
                levels = {"stop_price": move.stop_price, "take_profit_price": move.take_profit_price}
                await self._store.move_levels(cycle_id, **levels)
        self._trader.cycle_manager.wake(cycle_id)
        return await self._position((await self._store.view(cycle_id)).cycle)

    async def protect(self, principal: Principal, cycle_id: str) -> dict[str, Any]:
        """Protect a position again whose protection the operator took off."""
        cycle = next((item for item in await self._store.open_cycles() if item.id == cycle_id), None)
        if cycle is None:
            raise RejectedError(f"there is no open cycle {cycle_id}", code=NOT_FOUND)
        view = await self._store.view(cycle_id)
        stop = last_stop(view.orders)
        if stop is None or not is_taken_off(view):
            raise RejectedError(f"the protection of cycle {cycle_id} was not taken off by hand", code=CONFLICT)
        await self._auth.record(principal, "protect", {"cycle_id": cycle_id})
        await self._store.mark_cancel(stop)
        self._trader.cycle_manager.wake(cycle_id)
        return {"cycle_id": cycle_id, "symbol": cycle.symbol, "status": "protecting"}

    async def close_symbol(self, principal: Principal, request: ClosePosition) -> dict[str, Any]:
        """Close every position in a symbol."""
        cycles = [item for item in await self._store.open_cycles() if item.symbol == request.symbol]
        if not cycles:
            raise RejectedError(f"there is no open position in {request.symbol}", code=NOT_FOUND)
        closed = [await self.close_cycle(principal, cycle.id, request.reason) for cycle in cycles]
        return {"symbol": request.symbol, "closing": closed}

    async def pause(self, principal: Principal, request: PauseRequest) -> dict[str, Any]:
        """No new positions in the scope; open ones stay protected and may be closed."""
        await self._auth.record(principal, "pause", {"scope": request.scope, "reason": request.reason})
        await self._store.pause(request.scope, request.reason, self._trader.clock.now())
        return {"paused": request.scope, "pauses": await self.pauses()}

    async def resume(self, principal: Principal, request: PauseRequest) -> dict[str, Any]:
        """Lift what stops entries in the scope. A halt, which the platform set itself, needs an admin."""
        held = [item for item in await self._store.pauses() if item.scope == request.scope]
        halt = next((item for item in held if item.is_halt), None)
        if halt is not None and principal.scope < Scope.ADMIN:
            raise RejectedError(f"{request.scope} is halted ({halt.reason}): only an admin lifts that", code=FORBIDDEN)
        await self._auth.record(principal, "resume", {"scope": request.scope})
        if not await self._store.resume(request.scope):
            raise RejectedError(f"nothing is paused for {request.scope}", code=NOT_FOUND)
        await self._trader.risk.forgive(held)
        return {"resumed": request.scope, "pauses": await self.pauses()}

    def _check_symbol(self, symbol: str) -> None:
        if symbol not in self._trader.symbols:
            raise RejectedError(f"{symbol} is not among TRADING_SYMBOLS or those chosen since", code=UNPROCESSABLE)

    async def _rules(self, symbol: str) -> SymbolRules:
        try:
            return await self._trader.exchange.rules(symbol)
        except RejectedError as error:
            raise RejectedError(f"{symbol}: {error}", code=UNPROCESSABLE) from error
