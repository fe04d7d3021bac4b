"""What the portfolio's behaviour is tested in: a store, a trader that writes, an account that tests move."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from core.capital.differences import Trades
from core.capital.flows import Histories, RecordedFlow
from core.capital.ledger import LedgerAccount
from core.statistics.periods import PeriodKey
from portfolio.src.ports import AccountRecords, CapitalStore, CycleValues, PerformanceRows
from shared.src.contracts.orders import ExecutionEvent
from shared.src.contracts.portfolio import ReservationRequest
from shared.src.domain.orders import LiquidityRole, Side
from shared.src.exchange.models import Balance

SHARES = {"active": Decimal(60), "buffer": Decimal(30), "safety": Decimal(10)}


class TraderWriter(Protocol):
    """Writes what the trader would."""

    async def cycle(
        self,
        intent_id: str,
        status: str = "active_buy",
        *,
        profit: str | None = None,
        at: datetime | None = None,
        strategy: str = "test",
        symbol: str = "BTCUSDC",
    ) -> str:
        """A cycle of 1 coin bought at 100 and, when it is completed, sold at 110; ``at``: when it ended."""
        ...

    async def order(
        self, intent_id: str, status: str, *, side: str = "BUY", purpose: str = "entry", cycle_id: str | None = None
    ) -> str: ...

    async def fill(self, intent_id: str, trade_id: int, **values: Any) -> ExecutionEvent:
        """One execution of 1 BTC at 100 USDC with a fee of 0.1 BNB, or as ``values`` say."""
        ...

    async def entry(self, intent_id: str, trade_id: int, *, status: str = "FILLED", **values: Any) -> ExecutionEvent:
        """A cycle, its entry order and one fill."""
        ...

    async def follow(self, symbol: str, begins_after: int) -> None:
        """Begin to follow a symbol's trades above this one."""
        ...


class World:
    """A store and what tests ask of it, the same for every kind of store."""

    def __init__(self, store: CapitalStore) -> None:
        self.store = store

    async def balances(self, account: LedgerAccount) -> dict[str, Decimal]:
        async with self.store.look() as ledger:
            return await ledger.balances(account)

    async def exchange_balances(self) -> dict[str, Decimal]:
        return await self.balances(LedgerAccount.EXCHANGE)

    async def pocket(self, name: str = "active") -> dict[str, Decimal]:
        async with self.store.change() as transaction:
            pocket = (await transaction.pockets())[name]
        return {"total": pocket.total, "reserved": pocket.reserved, "used": pocket.used}

    async def lease(self, intent_id: str) -> tuple[str, Decimal]:
        """Status, and what was spent of it."""
        async with self.store.change() as transaction:
            (found,) = [each for each in await transaction.leases([intent_id]) if each.lease.intent_id == intent_id]
        return found.lease.status.value, found.lease.spent

    async def kinds(self) -> list[str]:
        """Of every posting but the opening, in order of the words."""
        raise NotImplementedError

    async def age_leases(self) -> None:
        """Let the time of every lease run out."""
        raise NotImplementedError


# trades, wins, profit or loss, volume, best, worst
Row = tuple[Decimal | int | None, ...]


class RecordsWorld(Protocol):
    """The keepers of records, and what they have."""

    records: AccountRecords
    results: PerformanceRows
    cycle_values: CycleValues

    async def wallets(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Free and locked, by asset."""
        ...

    async def values(self) -> list[tuple[datetime, Decimal]]:
        """The value of what was held, at each moment, oldest first."""
        ...

    async def points(self) -> list[Row]:
        """Equity, flow and index of returns at each moment, oldest first."""
        ...

    async def rows(self) -> dict[PeriodKey, Row]: ...


@dataclass
class FakeAccount:
    """An exchange account under the test's control."""

    held: dict[str, Decimal] = field(default_factory=dict)
    listed: dict[str, Trades] = field(default_factory=dict)
    keeps_trades: bool = True
    times: dict[int, datetime] = field(default_factory=dict)
    """When trades were made, by id; without one, it is always listed."""

    recorded: list[RecordedFlow] = field(default_factory=list)
    doubt: str = ""

    def move(self, asset: str, amount: str | int) -> None:
        self.held[asset] = self.held.get(asset, Decimal(0)) + Decimal(amount)

    async def balances(self) -> dict[str, Balance]:
        return {asset: Balance(asset, amount, Decimal(0)) for asset, amount in self.held.items() if amount}

    async def trades(self, symbol: str, since: datetime) -> Trades | None:
        if not self.keeps_trades:
            return None
        listed = self.listed.get(symbol, {})
        return {each: trade for each, trade in listed.items() if self.times.get(each, since) >= since}

    async def flows(self, since: datetime) -> Histories:
        return Histories(tuple(each for each in self.recorded if each.at >= since), self.doubt)

    async def close(self) -> None:
        """Nothing to close."""


def wanted(intent_id: str, amount: Decimal, *, pocket: str = "active") -> ReservationRequest:
    """A request for funds."""
    return ReservationRequest(intent_id=intent_id, pocket=pocket, amount=amount)


def fill_event(
    intent_id: str,
    trade_id: int,
    at: datetime,
    *,
    symbol: str = "BTCUSDC",
    side: Side = Side.BUY,
    purpose: str = "entry",
    quantity: str = "1",
    price: str = "100",
    fee: str = "0.1",
    fee_asset: str = "BNB",
) -> ExecutionEvent:
    return ExecutionEvent(
        message_id=f"ex-{symbol}-{trade_id}",
        occurred_at=at,
        execution_id=f"ex-{symbol}-{trade_id}",
        order_id="1",
        client_order_id=f"rt-{intent_id}-{purpose}",
        trade_id=trade_id,
        intent_id=intent_id,
        cycle_id=f"cy-{intent_id}",
        symbol=symbol,
        side=side,
        price=Decimal(price),
        quantity=Decimal(quantity),
        quote_quantity=Decimal(price) * Decimal(quantity),
        fee=Decimal(fee),
        fee_asset=fee_asset,
        role=LiquidityRole.TAKER,
        purpose=purpose,
        strategy="test",
        demo=True,
    )
