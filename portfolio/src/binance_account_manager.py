"""Follows the account at the exchange: opens the books on it, compares them with it, books what the owner moved."""

from __future__ import annotations

import asyncio
import logging
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from prometheus_client import Gauge

from core.capital.differences import DifferenceWatch, Standing, describe, halting, trade_missing
from core.capital.flows import RecordedFlow, confirmed, flows_of, is_part, without
from core.capital.ledger import Flow, PostingKind, can_open, differences, flow_posting, opening_posting
from portfolio.src.balance_journal import BalanceJournal
from portfolio.src.equity_journal import EquityJournal
from portfolio.src.fills import add_fills
from portfolio.src.pockets import PocketManager
from portfolio.src.ports import BEGINNING, CapitalStore, ExchangeAccount
from portfolio.src.waking import woken_within
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, RejectedError, TransientError
from shared.src.domain.ids import derived_id
from shared.src.domain.money import ZERO, wire
from shared.src.exchange.models import Balance

logger = logging.getLogger(__name__)

POLL_EVERY_S = 20.0  # a deposit is known within that, and some more looks
LOOK_AGAIN_S = 3.0
UNEXPLAINED_S = 20.0  # reading the trades of every symbol again weighs hundreds of units
OPENING_LOOK_S = 0.3
OPENING_FILLS_MAX = 500
HISTORIES_EVERY_S = 15.0  # one reading of them weighs 21,000 of the 180,000 units that an account has a minute
HISTORY_MARGIN = timedelta(days=1)  # a deposit is credited some time after the history has it
BY_HISTORIES = "as the exchange's history has it"
BY_BALANCES = "the balance moved and the exchange shows no trade that did it"
AFTER_FILL_S = 2.0  # fills come in bursts: one look for all of them

DIFFERENCE = Gauge("roottrading_ledger_differences", "assets in which the books differ from the exchange")


@dataclass(slots=True)
class AccountState:
    """What is known of the account, for health and screens."""

    balances: dict[str, Balance] = field(default_factory=dict)
    gaps: dict[str, Decimal] = field(default_factory=dict)
    unexplained: dict[str, Decimal] = field(default_factory=dict)
    standing: Standing = Standing.SETTLING
    opened: bool = False
    explained: str = ""
    doubt: str = ""  # why some of the exchange's histories of flows cannot be read
    error: str = "the account was not read yet"
    read_at: datetime | None = None


class BinanceAccountManager:
    """Adds to ``core.capital.differences`` the looks (at start, now and then, after executions) and the postings.

    Only one runs for an account.
    """

    def __init__(
        self,
        account: ExchangeAccount,
        store: CapitalStore,
        journal: BalanceJournal,
        clock: Clock,
        *,
        equity: EquityJournal,
        quote_asset: str,
        symbols: tuple[str, ...],
    ) -> None:
        self._account = account
        self._store = store
        self._pockets = PocketManager(store, quote_asset=quote_asset)
        self._journal = journal
        self._clock = clock
        self._equity = equity
        self._quote = quote_asset
        self._symbols = symbols
        self._watch = DifferenceWatch()
        self._wake = asyncio.Event()
        self._equal_at: datetime | None = None
        self._histories_again_s = float("-inf")
        self.state = AccountState()

    @property
    def symbols(self) -> tuple[str, ...]:
        """What was traded since this service started."""
        return self._symbols

    async def add_symbols(self, symbols: tuple[str, ...]) -> None:
        """Look after these too; what was traded before stays in the books."""
        self._symbols = tuple(dict.fromkeys((*self._symbols, *symbols)))

    def wake(self) -> None:
        """Something was executed: look at the account soon."""
        self._wake.set()

    async def run(self) -> None:
        """Follow the account for ever."""
        while True:
            pause = await self._round()
            if pause < POLL_EVERY_S:
                await self._clock.sleep(pause)
            elif await woken_within(self._wake, pause, self._clock):
                await self._clock.sleep(AFTER_FILL_S)
            self._wake.clear()

    async def _round(self) -> float:
        """One look; answers how long to wait for the next."""
        try:
            if not self.state.opened:
                self.state.opened = await self.open_books()
                if not self.state.opened:
                    return OPENING_LOOK_S
            await self.refresh()
        except (TransientError, RejectedError, ContractError) as error:
            self.state.error = str(error)
            self.state.standing = Standing.SETTLING
            logger.warning("account not read", extra={"reason": str(error)})
            return LOOK_AGAIN_S
        if self.state.unexplained:
            return UNEXPLAINED_S
        at_rest = self.state.standing is Standing.EQUAL and not self._equity.waits
        return POLL_EVERY_S if at_rest else LOOK_AGAIN_S

    # Opening

    async def open_books(self) -> bool:
        """Post the first balances, once, from two equal looks with no order moving between them."""
        async with self._store.look() as ledger:
            if await ledger.opened_at() is not None:
                return True
            before = await ledger.revision()
        aside = [item.execution_id for item in await self._store.quarantined() if item.released_at is None]
        first = await self._account.balances()
        await self._clock.sleep(OPENING_LOOK_S)
        at = self._clock.now()
        second = await self._account.balances()
        async with self._pockets.unit(at) as unit:
            if not can_open((first, second), before=before, now=await unit.ledger.revision()):
                return False
            found = await unit.ledger.unposted(since=BEGINNING, limit=OPENING_FILLS_MAX, without=aside)
            await add_fills(unit.ledger, found, quote_asset=self._quote)
            books = await unit.ledger.balances()
            await unit.ledger.add(opening_posting(differences(books, _totals(second)), at))
            unit.posted = True
        logger.info("books opened", extra={"assets": len(second)})
        return True

    # Following

    async def refresh(self) -> None:
        """Read the balances, compare them with the books, record and announce what changed."""
        balances = await self._account.balances()
        async with self._store.look() as ledger:
            books = await ledger.balances()
        gaps = differences(books, _totals(balances))
        at_s = self._clock.monotonic()
        state = self.state
        changed = [balance for asset, balance in balances.items() if state.balances.get(asset) != balance]
        changed += [Balance(asset, ZERO, ZERO) for asset in state.balances if asset not in balances]
        state.standing = self._watch.look(gaps, at_s)
        state.balances, state.gaps, state.error, state.read_at = balances, gaps, "", self._clock.now()
        DIFFERENCE.set(len(gaps))
        if not gaps:
            self._equal_at = state.read_at
        await self._journal.note(balances, changed)
        await self._explain(self._watch.standing(at_s), balances)
        await self._equity.note(moved=bool(changed))

    async def _explain(self, gaps: dict[str, Decimal], balances: Mapping[str, Balance]) -> None:
        """Book what moved outside of trades if that is what the exchange shows; say what is wrong otherwise."""
        self.state.explained = await self._trades_missing(gaps) if gaps else ""
        self.state.unexplained = gaps if self.state.explained else {}
        if not gaps:
            return
        if self.state.explained:
            logger.error("books differ", extra={"gaps": describe(gaps), "finding": self.state.explained})
            return
        if self._clock.monotonic() < self._histories_again_s:
            return
        self._histories_again_s = self._clock.monotonic() + HISTORIES_EVERY_S
        booked = [
            each.flow
            for each in confirmed(gaps, await self._recorded())
            if await self._book(each.flow, balances, BY_HISTORIES, number=each.number)
        ]
        for flow in flows_of(without(gaps, booked)):
            await self._book(flow, balances, BY_BALANCES)
        self.wake()

    async def _recorded(self) -> tuple[RecordedFlow, ...]:
        """What the exchange's histories have of the time since the books were equal, and of the day before."""
        async with self._store.look() as ledger:
            opened_at = await ledger.opened_at()
        equal_at = self._equal_at and self._equal_at - HISTORY_MARGIN
        known = [at for at in (opened_at, equal_at) if at is not None]
        histories = await self._account.flows(max(known, default=self._clock.now()))
        if histories.doubt and histories.doubt != self.state.doubt:
            logger.warning("flows are told apart by balances", extra={"reason": histories.doubt})
        self.state.doubt = histories.doubt
        return histories.flows

    async def _book(self, flow: Flow, balances: Mapping[str, Balance], note: str, *, number: str = "") -> bool:
        """Book a flow, if the books still lack that; False when a fill came meanwhile, or it is booked already.

        ``number``: of the exchange's record of it; without one it is the whole of what the books lack.
        """
        at = self._clock.now()
        async with self._pockets.unit(at) as unit:
            gaps = differences(await unit.ledger.balances(), _totals(balances))
            lacks = is_part if number else operator.eq
            if any(not lacks(amount, gaps.get(asset, ZERO)) for asset, amount in flow.moves.items()):
                return False
            key: tuple[object, ...] = (number,)
            if not number:
                moved = (f"{asset}{wire(amount)}" for asset, amount in sorted(flow.moves.items()))
                key = (flow.kind, *moved, *(await unit.ledger.revision()).key)
            unit.posted = await unit.ledger.add(flow_posting(derived_id("flow", *key), flow, at, note))
        logger.warning("flow booked", extra={"kind": flow.kind.value, "gaps": describe(flow.moves)})
        return unit.posted

    async def _trades_missing(self, gaps: Mapping[str, Decimal]) -> str:
        """Which trade the gaps are of, so that they cannot be called a flow; empty when they can."""
        async with self._store.look() as ledger:
            since = await ledger.opened_at()
            if since is None:
                return "the books are not open"
            # what an administrator accepted explains nothing that came after it
            since = await ledger.accepted_at(gaps) or since
            booked = await ledger.booked(since=since)
            begins_after = await ledger.followed_since()
        for symbol in dict.fromkeys((*self._symbols, *booked)):  # a position may be left in one no longer traded
            listed = await self._account.trades(symbol, since)
            if listed is None:
                return "nobody keeps a list of trades to check against"
            found = trade_missing(
                symbol,
                listed=listed,
                booked=booked.get(symbol, {}),
                gaps=gaps,
                quote_asset=self._quote,
                begins_after=begins_after.get(symbol, -1),
            )
            if found:
                return found
        return ""

    async def accept_difference(self, asset: str, reason: str) -> Decimal:
        """Write off a standing difference, visibly, because an administrator says so; answers the amount.

        The account is read again and compared under the lock: what a fill explains meanwhile is not booked twice.

        Raises:
            RejectedError: there is none in this asset, or it moved since it was found.
        """
        gap = self.state.unexplained.get(asset)
        if gap is None and asset in self.state.gaps:
            raise RejectedError("the difference may still settle or be explained; ask again in a minute", code=409)
        if gap is None:
            raise RejectedError(f"there is no difference in {asset}", code=404)
        balances = await self._account.balances()
        if not await self._book(Flow(PostingKind.ADJUSTMENT, {asset: gap}), balances, reason):
            self.wake()
            raise RejectedError(f"the difference in {asset} moved since it was found; look again in a minute", code=409)
        self.state.unexplained.pop(asset, None)
        logger.warning("difference written off", extra={"asset": asset, "amount": wire(gap), "reason": reason})
        self.wake()
        return gap

    # Telling

    def halted(self) -> str | None:
        """Why no funds may be reserved: a difference that nothing explains in an asset we trade.

        Raises:
            TransientError: the books are not open yet; asking again later helps.
        """
        if not self.state.opened:
            raise TransientError("the books are not open yet: the account at the exchange was not read")
        traded = halting(self.state.unexplained, symbols=self._symbols, quote_asset=self._quote)
        return f"the books differ from the exchange: {describe(traded)}" if traded else None

    async def probe(self) -> str:
        """For /health.

        Raises:
            TransientError: the account cannot be read, or the books differ from it.
        """
        if self.state.error:
            raise TransientError(self.state.error)
        if self.state.unexplained:
            what = describe(self.state.unexplained)
            raise TransientError(f"books differ from the exchange: {what} ({self.state.explained})")
        if self.state.gaps:
            return f"settling: {describe(self.state.gaps)}"
        doubt = f"; flows are told apart by balances: {self.state.doubt}" if self.state.doubt else ""
        return f"books equal the exchange in {len(self.state.balances)} assets{doubt}"


def _totals(balances: Mapping[str, Balance]) -> dict[str, Decimal]:
    return {asset: balance.total for asset, balance in balances.items() if balance.total != 0}
