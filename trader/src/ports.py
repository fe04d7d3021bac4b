"""What the trader needs of the world: an exchange, a store, prices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from core.positions.model import Cycle, CycleState, Fill, HandSale, Order
from core.positions.protection import Protection
from core.positions.trade_cursors import TradeCursor
from core.risk.fees import FeeModel
from core.risk.halts import Cause, Pause
from core.risk.loss import LossMark
from core.risk.protections import EndedTrade
from shared.src.contracts.orders import OrderFailed, OrderIntent
from shared.src.exchange.models import (
    AccountSnapshot,
    Balance,
    BookTicker,
    Commission,
    ExchangeFill,
    ExchangeOrder,
    OddRow,
    OrderReport,
    Replacement,
)
from shared.src.exchange.rules import SymbolRules

OnReport = Callable[[OrderReport], Awaitable[None]]
OnBalances = Callable[[dict[str, Balance]], Awaitable[None]]
OnConnected = Callable[[], Awaitable[None]]
OnOddEvent = Callable[[OddRow], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears of what happens to our orders. ``connected`` follows every (re)connection: events may be missing.

    ``odd`` hears of an event that cannot be read.
    """

    report: OnReport
    balances: OnBalances
    connected: OnConnected
    odd: OnOddEvent


class Exchange(Protocol):
    """Errors of everything that changes something: OutcomeUnknownError, TransientError (certainly not done),
    RejectedError with Binance's code. Of everything else: TransientError, RejectedError.
    """

    async def follow(self, symbols: Sequence[str]) -> None:
        """Be ready to trade these symbols.

        Raises:
            TransientError: it cannot be asked for their rules now.
        """
        ...

    async def rules(self, symbol: str) -> SymbolRules: ...

    async def refresh_rules(self, symbol: str) -> None:
        """The exchange refused an order by the known rules of the symbol: read them again. Never fails for that."""
        ...

    async def current_rules(self, symbol: str) -> SymbolRules:
        """The rules and the status of a symbol as they are now.

        Raises:
            TransientError: it does not answer, or nobody may ask it now.
        """
        ...

    async def blocked_s(self) -> float:
        """For how many wall seconds nobody may call, as the exchange said (429, 418); 0 when one may."""
        ...

    def entries_wait_s(self) -> float:
        """For how many wall seconds entries are to leave the exchange's count of orders to exits; 0: not at all."""
        ...

    async def place(self, order: Order) -> OrderReport: ...

    async def place_pair(self, take_profit: Order, stop: Order, list_client_id: str) -> list[OrderReport]: ...

    async def place_entry_list(self, entry: Order, exits: Protection) -> list[OrderReport]:
        """Place an entry with the pair that sells what it receives (OPOCO); tells of all three orders.

        The exits are told as they were accepted, waiting, also where the entry was filled at once.
        """
        ...

    async def replace(self, old: Order, new: Order) -> Replacement:
        """Cancel an order, with the pair it belongs to, and place another in the same call.

        An order that has filled nothing, as far as ``old`` says, is not cancelled when it has: the new one was made for
        what was held without that. RejectedError -2011 says that nothing was cancelled, so nothing was placed; any
        other, that the new order was refused, and that the old one may be gone.
        """
        ...

    async def cancel(self, order: Order) -> list[ExchangeOrder]:
        """Cancel an order, with the pair it belongs to; returns everything that ended."""
        ...

    async def order(self, symbol: str, client_order_id: str) -> ExchangeOrder: ...

    async def order_by_id(self, symbol: str, order_id: int) -> ExchangeOrder: ...

    async def open_orders(self, symbol: str = "") -> list[ExchangeOrder]:
        """Open orders, anybody's, in a symbol; in all symbols when none is named."""
        ...

    def odd_rows(self) -> list[OddRow]:
        """The rows that could not be read, of all answers since the last call; the answers came without them."""
        ...

    async def trades(
        self, symbol: str, *, order_id: int | None = None, from_id: int | None = None
    ) -> list[ExchangeFill]: ...

    async def account(self) -> AccountSnapshot: ...

    async def commission(self, symbol: str) -> Commission:
        """What the account pays for trades in a symbol."""
        ...

    async def ticker(self, symbol: str) -> BookTicker: ...

    async def last_price(self, symbol: str) -> Decimal | None:
        """What it last traded at, by which stops start whatever is bid; None: it never traded."""
        ...

    async def average_price(self, symbol: str) -> Decimal:
        """What the exchange measures its price bands from, where they have an average."""
        ...

    async def asks(self, symbol: str) -> list[tuple[Decimal, Decimal]]:
        """What the book offers to buyers: (price, quantity), best first, no deeper than a hundred levels."""
        ...

    @property
    def hears(self) -> bool:
        """Whether the account's events arrive, and nothing that happened before they did is missing."""
        ...

    async def ping(self) -> str:
        """A word on the connection; raises what is wrong with it."""
        ...

    async def run(self, listener: Listener) -> None:
        """Tell the listener what happens, until cancelled."""
        ...

    async def close(self) -> None: ...


class PocketFunds(Protocol):
    async def reserve(self, intent_id: str, *, pocket: str, amount: Decimal) -> None:
        """Set ``amount`` units of the asset of valuation aside for an intent. Asked again: the first lease, unchanged.

        Raises:
            RejectedError: refused with the reason, code 409 when the pocket has too little.
            TransientError: nobody answers; nothing may be spent.
        """
        ...


class OwnExchange(Exchange, Protocol):
    """An exchange as a trader opens it."""

    async def account_name(self) -> str:
        """Which account it trades: the same for every key of it.

        Raises:
            TransientError: it cannot be asked now.
            ConfigurationError: the exchange refuses the key.
        """
        ...

    async def prepare(self) -> None:
        """Be ready to trade; to be called when nobody else trades the account.

        Raises:
            TransientError: the exchange does not answer as it should.
            ConfigurationError: the key may not trade or may do too much, or there is nothing to trade.
        """
        ...


class TraderLease(Protocol):
    """The right to act for an account, which one trader has at a time."""

    acquired: asyncio.Event
    reason: str

    async def hold(self, account: str) -> None:
        """Wait for it and keep it, for as long as the process lives; ``reason`` says what is waited for.

        Raises:
            LeaseLostError: another trader acted for the account since this one did.
        """
        ...

    def check(self) -> None:
        """To be called right before something is sent.

        Raises:
            TransientError: another trader may act for the account by the time it arrives.
        """
        ...


class Prices(Protocol):
    async def ticker(self, symbol: str) -> BookTicker:
        """The best bid and ask as they are now.

        Raises:
            TransientError: nobody knows them.
            RejectedError: there is no such symbol.
        """
        ...

    async def latest(self, symbol: str) -> BookTicker | None:
        """The last best bid and ask that were told, however old; None when none ever were."""
        ...


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that cannot be handled, since when, and until when; None: it is set aside now."""

    row: OddRow
    since: datetime
    released_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApprovedEntry:
    """An entry that was approved and not taken yet; ``reserved`` in units of the asset of valuation."""

    intent_id: str
    symbol: str
    strategy: str
    reserved: Decimal


@dataclass(frozen=True, slots=True)
class RiskFacts:
    """What limits are measured on: open cycles, what is approved and has no cycle yet, pauses, and results.

    ``entries``: orders that bought or may still buy for open cycles, and those that may still buy for no cycle.
    ``results``: by symbol, quote units, what the cycles brought that ended since the moment that was asked for.
    """

    cycles: tuple[Cycle, ...]
    entries: tuple[Order, ...]
    approved: tuple[ApprovedEntry, ...]
    pauses: tuple[Pause, ...]
    results: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    id: int
    topic: str
    message_id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Booked:
    """What a report changed: the order as it stands and the fills that were new. Not ``changed``: all was known."""

    order: Order
    fills: tuple[Fill, ...]
    changed: bool = True


class Store(Protocol):
    """Every method is one transaction. Messages that belong to a change are stored with it, and sent later."""

    async def refuse(self, failed: OrderFailed) -> bool:
        """Write down a refusal and tell; False when the intent was handled before."""
        ...

    async def open_cycle(self, cycle: Cycle, entry: Order | None, exits: Sequence[Order] = ()) -> bool:
        """Accept an intent: its cycle and entry order exist from here on, with the exits that the entry brings along.
        False when it was handled before.

        ``entry``: None where the orders of the entry follow from the cycle's plan.
        """
        ...

    async def accept(self, intent_id: str, orders: Sequence[Order] = (), *, reason: str = "") -> bool:
        """Mark an intent as handled, with orders that belong to no cycle. False when it was handled before."""
        ...

    async def accept_exit(self, intent_id: str, cycle_ids: Sequence[str]) -> bool:
        """Mark an exit as handled and ask these positions for a way out. False when it was handled before."""
        ...

    async def add_orders(self, orders: Sequence[Order]) -> None: ...

    async def adopt(self, order: Order, sales: Mapping[str, HandSale]) -> bool:
        """Write down an order that somebody else placed, and by cycle what it has of it; False when it was there."""
        ...

    async def book(self, report: ExchangeOrder, fills: Sequence[Fill]) -> Booked | None:
        """Merge a report into its order and book the fills that are new. None when we have no such order."""
        ...

    async def mark_cancel(self, order: Order) -> None:
        """Write down that we cancel an order, with its pair: from here on its end is our doing."""
        ...

    async def settle(self, order: Order) -> None:
        """Save an order's status, reason and code as decided by us (UNKNOWN, REJECTED)."""
        ...

    async def request_exit(self, cycle_id: str, reason: str) -> None:
        """Ask for a way out; the first reason stays."""
        ...

    async def cancel_entry(self, cycle_id: str) -> None:
        """Take the entry of a cycle back: it is canceled where it stands, and never sent again."""
        ...

    async def save_cycle(self, cycle: Cycle, failed: OrderFailed | None = None) -> None:
        """Save a cycle and tell; ``failed`` when its intent came to nothing.

        Leaves alone what others write: an exit or a cancel that was asked for meanwhile, the prices seen, and its
        levels once they are settled.
        """
        ...

    async def move_levels(
        self, cycle_id: str, *, stop_price: Decimal | None = None, take_profit_price: Decimal | None = None
    ) -> None:
        """Move the settled levels of an open cycle, and tell; None leaves a level where it is."""
        ...

    async def note_prices(self, symbol: str, price: Decimal) -> None:
        """Widen the lowest and highest price seen by the open cycles of a symbol."""
        ...

    async def cycle(self, cycle_id: str) -> Cycle | None: ...

    async def view(self, cycle_id: str) -> CycleState: ...

    async def open_cycles(self) -> list[Cycle]: ...

    async def order(self, client_order_id: str) -> Order | None: ...

    async def order_by_exchange_id(self, symbol: str, exchange_order_id: int) -> Order | None: ...

    async def reported(self, report: ExchangeOrder) -> Order | None:
        """The order that a report is about: by the exchange's id, or else by ours while the exchange's is not known.

        The exchange takes a second order under an id of ours once the first is done: that one is not ours.
        """
        ...

    async def live_orders(self) -> list[Order]:
        """Orders that are not done, or whose fills are not all booked."""
        ...

    async def touched_symbols(self) -> list[str]:
        """Symbols with an order of the last days, or with something open."""
        ...

    async def known_orders(self, symbol: str, exchange_order_ids: Sequence[int]) -> set[int]:
        """Those of the exchange's order ids whose orders are written down here."""
        ...

    async def booked_trades(self, symbol: str, trade_ids: Sequence[int]) -> set[int]:
        """Those of the trades that are booked."""
        ...

    async def trade_cursors(self) -> dict[str, TradeCursor]:
        """By symbol, how far the account's trades were compared."""
        ...

    async def begin_trade_cursor(self, symbol: str, begins_after: int) -> None:
        """From here on, trades above this one are ours to book; a cursor begins once."""
        ...

    async def move_trade_cursor(self, symbol: str, compared_to: int) -> None:
        """Every trade up to this one was compared; a cursor never goes back."""
        ...

    async def sales_by_hand(self, symbol: str, since: datetime) -> list[Order]:
        """Sales that others placed since then and that belong to no cycle, the oldest first."""
        ...

    async def attribute(self, order: Order, sales: Mapping[str, HandSale]) -> None:
        """An order that belonged to no cycle is ``order.cycle_id``'s from here on, with what was booked of it.

        ``sales``: by cycle, what it has of it.
        """
        ...

    async def risk_facts(self, results_since: datetime, *, approved_since: datetime) -> RiskFacts:
        """What limits are measured on; entries that were approved before ``approved_since`` are too old to come."""
        ...

    async def ended_trades(self, since: datetime) -> list[EndedTrade]:
        """Positions that were closed since then, the oldest first."""
        ...

    async def loss_mark(self) -> LossMark | None:
        """What is remembered of losses; None when nobody looked yet."""
        ...

    async def save_loss_mark(self, mark: LossMark) -> None: ...

    async def save_fees(self, symbol: str, fees: FeeModel, at: datetime) -> None:
        """Write down what trades in a symbol cost now: who decides reads it there."""
        ...

    async def pauses(self) -> list[Pause]:
        """What is in force, pauses by hand and halts, the oldest first."""
        ...

    async def pause(
        self, scope: str, reason: str, since: datetime, *, cause: Cause = Cause.HAND, until: datetime | None = None
    ) -> None:
        """Stop entries in a scope; one of the same cause that is in force keeps its beginning and takes the reason."""
        ...

    async def resume(self, scope: str) -> bool:
        """Lift every pause and halt of a scope. False when there was none."""
        ...

    async def pending_intents(self, since: datetime, *, exits_since: datetime | None = None) -> list[OrderIntent]:
        """Approved decisions made since then that nobody handled; those to get out, since another time.

        One that cannot be read is set aside.
        """
        ...

    async def set_aside(self, row: OddRow, at: datetime) -> None:
        """Write down that a row cannot be handled; one that is set aside already gets the new reason."""
        ...

    async def release(self, source: str, key: str, at: datetime) -> None:
        """It can be handled again; that it was set aside stays written down."""
        ...

    async def quarantined(self, limit: int = 1000) -> list[SetAside]:
        """What is set aside, the newest first, and after it what was."""
        ...

    async def outbox(self, limit: int) -> list[OutboxMessage]:
        """The oldest messages that wait, in the order in which they were written down."""
        ...

    async def sent(self, messages: Sequence[OutboxMessage]) -> None:
        """Forget messages that the bus has stored."""
        ...

    async def wait_for_outbox(self, timeout_s: float) -> None:
        """Return once this process has put something into the outbox since the last call, or after ``timeout_s``."""
        ...
