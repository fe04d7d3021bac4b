"""Follows the account at the exchange: opens the books on it, compares them with it, records and announces balances."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from prometheus_client import Gauge
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.capital.differences import DifferenceWatch, Standing, describe, one_direction
from core.capital.ledger import adjustment_posting, differences, opening_posting, owner_posting
from core.capital.valuation import value
from portfolio.src.exchange_account import ExchangeAccount, Trade
from portfolio.src.ledger_store import BEGINNING, LedgerStore
from portfolio.src.pockets import PocketManager
from portfolio.src.prices import LastPrices
from shared.src.bus.ports import Bus
from shared.src.contracts.portfolio import BalanceUpdated
from shared.src.contracts.topics import BALANCE_UPDATED, BALANCES_KEY, TOTAL_BALANCE_KEY
from shared.src.database import Database
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, RejectedError, TransientError
from shared.src.domain.ids import derived_id
from shared.src.domain.money import ZERO, wire
from shared.src.domain.symbols import split_symbol
from shared.src.exchange.models import Balance
from shared.src.redis_client import translated

logger = logging.getLogger(__name__)

POLL_EVERY_S = 60.0
LOOK_AGAIN_S = 3.0
UNEXPLAINED_S = 20.0  # reading the trades of every symbol again weighs hundreds of units
OPENING_LOOK_S = 0.3
AFTER_FILL_S = 2.0  # fills come in bursts: one look for all of them
SNAPSHOT_EVERY_S = 60.0

DIFFERENCE = Gauge("roottrading_ledger_differences", "assets in which the books differ from the exchange")


_BOOKED = text("""
SELECT e.symbol, e.trade_id, e.quantity, e.quote_quantity, e.fee, e.fee_asset
FROM trade_executions e JOIN ledger_postings p ON p.posting_id = 'fill:' || e.id WHERE e.timestamp >= :since
""")


@dataclass(slots=True)
class AccountState:
    """What is known of the account, for health and screens."""

    balances: dict[str, Balance] = field(default_factory=dict)
    gaps: dict[str, Decimal] = field(default_factory=dict)
    unexplained: dict[str, Decimal] = field(default_factory=dict)
    standing: Standing = Standing.SETTLING
    opened: bool = False
    explained: str = ""
    error: str = "the account was not read yet"
    read_at: datetime | None = None


class BinanceAccountManager:
    """Reads balances at start, every minute, and after executions. Only one runs for an account."""

    def __init__(
        self,
        account: ExchangeAccount,
        database: Database,
        redis: Redis,
        bus: Bus,
        clock: Clock,
        *,
        quote_asset: str,
        symbols: tuple[str, ...],
    ) -> None:
        self._account = account
        self._database = database
        self._redis = redis
        self._bus = bus
        self._clock = clock
        self._quote = quote_asset
        self._symbols = symbols
        self._ledger = LedgerStore(quote_asset=quote_asset)
        self._pockets = PocketManager(database, quote_asset=quote_asset)
        self._prices = LastPrices(database, redis, quote_asset=quote_asset)
        self._reconciler = DifferenceWatch()
        self._wake = asyncio.Event()
        self._snapshot_at = float("-inf")
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
            elif await self._woken_within(pause):
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
        return POLL_EVERY_S if self.state.standing is Standing.EQUAL else LOOK_AGAIN_S

    async def _woken_within(self, seconds: float) -> bool:
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        waker = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({timer, waker}, return_when=asyncio.FIRST_COMPLETED)
            return self._wake.is_set()
        finally:
            timer.cancel()
            waker.cancel()

    # Opening

    async def open_books(self) -> bool:
        """Post the first balances, once, from two equal looks with no order moving between them."""
        async with self._database.begin() as connection:
            if await self._ledger.opened_at(connection) is not None:
                return True
            before = await self._ledger.revision(connection)
        first = await self._account.balances()
        await self._clock.sleep(OPENING_LOOK_S)
        at = self._clock.now()
        second = await self._account.balances()
        if first != second or before.moving:
            return False
        async with self._pockets.unit(self._clock.now()) as unit:
            if await self._ledger.revision(unit.connection) != before:
                return False
            await self._ledger.add_fills(
                unit.connection,
                await self._ledger.unposted(unit.connection, since=BEGINNING),
            )
            books = await self._ledger.balances(unit.connection)
            opened = opening_posting(differences(books, _totals(second)), at)
            await self._ledger.add(unit.connection, opened)
            unit.posted = True
        logger.info("books opened", extra={"assets": len(second)})
        return True

    # Following

    async def refresh(self) -> None:
        """Read the balances, compare them with the books, record and announce what changed."""
        balances = await self._account.balances()
        async with self._database.begin() as connection:
            books = await self._ledger.balances(connection)
        gaps = differences(books, _totals(balances))
        at_s = self._clock.monotonic()
        state = self.state
        changed = [balance for asset, balance in balances.items() if state.balances.get(asset) != balance]
        changed += [Balance(asset, ZERO, ZERO) for asset in state.balances if asset not in balances]
        state.standing = self._reconciler.look(gaps, at_s)
        state.balances, state.gaps, state.error, state.read_at = balances, gaps, "", self._clock.now()
        DIFFERENCE.set(len(gaps))
        await self._record(balances, changed)
        await self._explain(self._reconciler.standing(at_s), balances)

    async def _explain(self, gaps: dict[str, Decimal], balances: Mapping[str, Balance]) -> None:
        """Book a deposit or withdrawal if that is what the exchange shows; say what is wrong otherwise."""
        self.state.explained = await self._trades_missing(gaps) if gaps else ""
        self.state.unexplained = gaps if self.state.explained else {}
        if not gaps:
            return
        if self.state.explained:
            logger.error("books differ", extra={"gaps": describe(gaps), "finding": self.state.explained})
            return
        note = "the balance moved and the exchange shows no trade that did it"
        at = self._clock.now()
        async with self._pockets.unit(at) as unit:
            now = differences(await self._ledger.balances(unit.connection), _totals(balances))
            revision = (await self._ledger.revision(unit.connection)).key
            for asset, gap in gaps.items():
                if now.get(asset) != gap:
                    continue  # a fill came meanwhile: look again
                posting = owner_posting(derived_id("transfer", asset, wire(gap), *revision), asset, gap, at, note)
                unit.posted |= await self._ledger.add(unit.connection, posting)
        logger.warning("transfer booked", extra={"gaps": describe(gaps)})
        self.wake()

    async def _trades_missing(self, gaps: Mapping[str, Decimal]) -> str:
        """Why the gaps cannot be called a transfer; empty when they can."""
        if not one_direction(gaps):
            return "assets moved in both directions, as a trade moves them"
        async with self._database.begin() as connection:
            since = await self._ledger.opened_at(connection)
            rows = await connection.execute(_BOOKED, {"since": since})
            booked = {
                (row.symbol, row.trade_id): Trade(row.quantity, row.quote_quantity, row.fee, row.fee_asset)
                for row in rows
            }
        if since is None:
            return "the books are not open"
        for symbol in self._symbols:
            trades = await self._account.trades(symbol, since)
            if trades is None:
                return "nobody keeps a list of trades to check against"
            for trade_id, trade in sorted(trades.items()):
                known = booked.get((symbol, trade_id))
                if known != trade and _moves(symbol, trade, known, gaps, self._quote):
                    return f"trade {trade_id} of {symbol} is {'not booked' if known is None else 'booked differently'}"
        return ""

    async def accept_difference(self, asset: str, reason: str) -> Decimal:
        """Write off a standing difference, visibly, because an administrator says so; answers the amount.

        Raises:
            RejectedError: there is none in this asset.
        """
        gap = self.state.unexplained.get(asset)
        if gap is None and asset in self.state.gaps:
            raise RejectedError("the difference may still settle or be explained; ask again in a minute", code=409)
        if gap is None:
            raise RejectedError(f"there is no difference in {asset}", code=404)
        at = self._clock.now()
        async with self._pockets.unit(at) as unit:
            revision = (await self._ledger.revision(unit.connection)).key
            posting_id = derived_id("adjustment", asset, wire(gap), *revision)
            await self._ledger.add(unit.connection, adjustment_posting(posting_id, asset, gap, at, reason))
            unit.posted = True
        del self.state.unexplained[asset]
        logger.warning("difference written off", extra={"asset": asset, "amount": wire(gap), "reason": reason})
        self.wake()
        return gap

    # Recording

    async def _record(self, balances: Mapping[str, Balance], changed: list[Balance]) -> None:
        due = self._clock.monotonic() - self._snapshot_at >= SNAPSHOT_EVERY_S
        if not changed and not due:
            return
        prices = await self._prices.of_assets(balances)
        at = self._clock.now()
        rows = [
            {
                "time": at,
                "asset": asset,
                "free": balance.free,
                "locked": balance.locked,
                "total": balance.total,
                "value": value(balance.total, asset, self._quote, prices),
            }
            for asset, balance in balances.items()
        ]
        async with self._database.begin() as connection:
            await _write_wallets(connection, rows, at)
        self._snapshot_at = self._clock.monotonic()
        await self._announce(rows, changed, at)

    async def _announce(self, rows: list[dict[str, Any]], changed: list[Balance], at: datetime) -> None:
        shown = [
            {
                "asset": row["asset"],
                "free": wire(row["free"]),
                "locked": wire(row["locked"]),
                "total": wire(row["total"]),
                "value_usdc": None if row["value"] is None else wire(row["value"]),
            }
            for row in rows
        ]
        total = sum((row["value"] for row in rows if row["value"] is not None), ZERO)
        async with translated():
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.set(BALANCES_KEY, orjson.dumps(shown))
            pipeline.set(TOTAL_BALANCE_KEY, wire(total))
            await pipeline.execute()
        for balance in changed:
            notice = BalanceUpdated(
                message_id=f"{balance.asset}:{self._clock.now_ms()}",
                occurred_at=at,
                asset=balance.asset,
                free=balance.free,
                locked=balance.locked,
            )
            await self._bus.notify(BALANCE_UPDATED.name, BALANCE_UPDATED.encode(notice))

    # Telling

    def halted(self) -> str | None:
        """Why no funds may be reserved: a difference that nothing explains in an asset we trade.

        Raises:
            TransientError: the books are not open yet; asking again later helps.
        """
        if not self.state.opened:
            raise TransientError("the books are not open yet: the account at the exchange was not read")
        traded = {
            asset: gap
            for asset, gap in self.state.unexplained.items()
            if asset == self._quote or any(symbol.startswith(asset) for symbol in self._symbols)
        }
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
        return f"books equal the exchange in {len(self.state.balances)} assets"


def _moves(symbol: str, trade: Trade, known: Trade | None, gaps: Mapping[str, Decimal], quote: str) -> bool:
    """Whether a trade touches one of the assets; others on their way explain nothing about them."""
    touched = {*split_symbol(symbol, quote_first=quote), trade.fee_asset}
    return not touched.isdisjoint(gaps) or (known is not None and known.fee_asset in gaps)


def _totals(balances: Mapping[str, Balance]) -> dict[str, Decimal]:
    return {asset: balance.total for asset, balance in balances.items() if balance.total != 0}


async def _write_wallets(connection: AsyncConnection, rows: list[dict[str, Any]], at: datetime) -> None:
    await connection.execute(
        text(
            "UPDATE wallets SET free = 0, locked = 0, updated_at = :at WHERE asset <> ALL(CAST(:held AS varchar[]))"
            " AND (free <> 0 OR locked <> 0)"
        ),
        {"at": at, "held": [row["asset"] for row in rows]},
    )
    if not rows:
        return
    await connection.execute(
        text(
            "INSERT INTO wallets (asset, free, locked, updated_at) VALUES (:asset, :free, :locked, :time)"
            " ON CONFLICT (asset) DO UPDATE SET free = EXCLUDED.free, locked = EXCLUDED.locked,"
            " updated_at = EXCLUDED.updated_at"
        ),
        rows,
    )
    await connection.execute(
        text(
            "INSERT INTO portfolio_balances (time, asset, free, locked, total, value_usdc)"
            " VALUES (:time, :asset, :free, :locked, :total, :value) ON CONFLICT (asset, time) DO NOTHING"
        ),
        rows,
    )
