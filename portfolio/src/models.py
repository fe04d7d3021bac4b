"""What the portfolio answers: reads over the books, the pockets, the account and the trader's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core.capital.ledger import LedgerAccount
from core.capital.pockets import POCKETS, Pocket, availability
from core.capital.valuation import EURO, value
from core.execution.slippage import slippage_bips
from core.statistics.conversion import foreign_quotes, volume_of
from core.statistics.equity import EquityCurve
from core.statistics.figures import PLACES, change_percent, rounded
from core.statistics.open_positions import unrealised
from core.statistics.performance import performance_figures
from core.statistics.periods import day_start
from core.statistics.results import Results, win_rate_percent
from portfolio.src.adapters import postgres_reads as queries
from portfolio.src.ports import AssetPrices
from shared.src.database import Database
from shared.src.domain.clock import Clock, to_ms
from shared.src.domain.errors import RejectedError
from shared.src.domain.money import ZERO
from shared.src.domain.symbols import split_symbol
from shared.src.single_flight import SharedCache
from shared.src.sql import EQUITY_POINTS_READ

__all__ = ["DBManager", "PortfolioModel", "SharedCache", "TradeFilter"]

Row = dict[str, Any]


class DBManager:
    """Parameterised reads, one transaction each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(self, statement: Any, **parameters: Any) -> list[Row]:
        async with self._database.autocommit() as connection:
            return [dict(row) for row in (await connection.execute(statement, parameters)).mappings()]

    async def row(self, statement: Any, **parameters: Any) -> Row:
        return (await self.rows(statement, **parameters))[0]


@dataclass(frozen=True, slots=True)
class TradeFilter:
    """Which executions are wanted; None means any."""

    symbol: str | None = None
    strategy: str | None = None
    side: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class PortfolioModel:
    """Adds the reads to ``core.capital`` and ``core.statistics``: the portfolio's state, valued in the quote asset.

    Amounts are Decimals; the API writes them as text.
    """

    def __init__(
        self,
        database: Database,
        prices: AssetPrices,
        clock: Clock,
        *,
        quote_asset: str,
        cache: SharedCache,
    ) -> None:
        self._db = DBManager(database)
        self._prices = prices
        self._clock = clock
        self._quote = quote_asset
        self._cache = cache

    async def balances(self) -> list[Row]:
        """What the exchange last said, asset by asset, most valuable first."""
        return await self._cache.get("balances", self._balances)

    async def _balances(self) -> list[Row]:
        rows = await self._db.rows(queries.WALLETS)
        prices = await self._prices.of_assets({EURO, *(row["asset"] for row in rows)})
        for row in rows:
            row["total"] = row["free"] + row["locked"]
            row["available"] = row["free"]
            row["value_usdc"] = row["value_quote"] = value(row["total"], row["asset"], self._quote, prices)
            row["eur_value"] = value(row["total"], row["asset"], EURO, prices)
        return sorted(rows, key=lambda row: (row["value_quote"] or ZERO, row["asset"]), reverse=True)

    async def balance(self, asset: str) -> Row:
        """One asset.

        Raises:
            RejectedError: it was never held (code 404).
        """
        for row in await self.balances():
            if row["asset"] == asset.upper():
                return row
        raise RejectedError(f"there is no balance of {asset.upper()}", code=404)

    async def pockets(self) -> Row:
        """The pockets, their capital, and the leases on them."""
        return await self._cache.get("pockets", self._pockets)

    async def _pockets(self) -> Row:
        rows = await self._db.rows(queries.POCKETS)
        leases = await self._db.rows(queries.LEASES)
        available = availability(
            Pocket(row["name"], row["share_percent"], row["total"], row["reserved"], row["used"]) for row in rows
        )
        for row in rows:
            row["available"] = available[row["name"]]
            row["asset"] = self._quote
        order = {name: number for number, name in enumerate(POCKETS)}
        return {
            "asset": self._quote,
            "capital": sum((row["total"] for row in rows), ZERO),
            "pockets": sorted(rows, key=lambda row: order[row["name"]]),
            "reservations": leases,
        }

    async def active_positions(self) -> list[Row]:
        """Open cycles with what they would earn at the last price, in quote units, before the fee of the exit."""
        return await self._cache.get("active", self._active_positions)

    async def _active_positions(self) -> list[Row]:
        rows = await self._db.rows(queries.ACTIVE_POSITIONS)
        bases = {row["symbol"]: split_symbol(row["symbol"], quote_first=self._quote) for row in rows}
        prices = await self._prices.of_assets({asset for pair in bases.values() for asset in pair})
        for row in rows:
            price = prices.get(row["symbol"])
            held = max(ZERO, row["quantity"] - row["exit_quantity"])
            now = unrealised(held, entry_price=row["entry_price"], price=price)
            row["current_price"] = price
            row["value"] = now.value
            row["unrealized_pnl"] = now.profit
            quote = bases[row["symbol"]][1]
            row["quote_asset"] = quote
            row["unrealized_pnl_value"] = None if now.profit is None else value(now.profit, quote, self._quote, prices)
            row["unrealized_pnl_percent"] = rounded(now.percent)
        return rows

    async def recent_positions(self, hours: int) -> list[Row]:
        """Cycles that ended in the last market hours, newest first."""
        return await self._db.rows(queries.RECENT_POSITIONS, since=self._clock.now() - timedelta(hours=hours))

    async def summary(self) -> Row:
        """The whole portfolio at a glance."""
        return await self._cache.get("summary", self._summary)

    async def _summary(self) -> Row:
        balances, positions = await self.balances(), await self.active_positions()
        now = self._clock.now()
        totals = await self._db.row(queries.CYCLE_TOTALS, day=day_start(now))
        results = Results.of_sums(totals)
        total = sum((row["value_quote"] for row in balances if row["value_quote"] is not None), ZERO)
        day, week = await self._change(now, days=1), await self._change(now, days=7)
        return {
            "timestamp": now,
            "quote_asset": self._quote,
            "total_value": total,
            "total_value_eur": _sum_if_known(row["eur_value"] for row in balances if row["value_quote"] is not None),
            "unpriced_assets": [row["asset"] for row in balances if row["value_quote"] is None and row["total"]],
            "performance_24h": day["percent"],
            "performance_7d": week["percent"],
            "performance_24h_value": day["value"],
            "performance_7d_value": week["value"],
            "active_trades": len(positions),
            "open_positions": positions,
            "unrealized_pnl": sum((row["unrealized_pnl_value"] or ZERO for row in positions), ZERO),
            "realized_pnl": results.profit_loss,
            "realized_pnl_today": totals["today"],
            "fees": results.fees,
            "completed_cycles": results.cycles,
            "win_rate_percent": rounded(results.win_rate_percent),
            "balances": balances,
        }

    async def _change(self, now: datetime, *, days: int) -> Row:
        """What the books earned since the point of ``days`` ago (or the oldest there is), without what was brought."""
        rows = await self._db.rows(queries.EQUITY_CHANGE, since=now - timedelta(days=days))
        if not rows:
            return {"percent": None, "value": None}
        (row,) = rows
        return {
            "percent": rounded(change_percent(row["index_now"], row["index_then"])),
            "value": row["equity_now"] - row["equity_then"] - row["flows"],
        }

    async def trades(self, wanted: TradeFilter, *, page: int, page_size: int) -> Row:
        """Executions, newest first."""
        parameters = {
            "symbol": wanted.symbol,
            "strategy": wanted.strategy,
            "side": wanted.side,
            "start": wanted.start,
            "end": wanted.end,
        }
        count = await self._db.row(queries.TRADES_COUNT, **parameters)
        rows = await self._db.rows(queries.TRADES, **parameters, limit=page_size, offset=(page - 1) * page_size)
        return {"trades": rows, "total_count": count["n"], "page": page, "page_size": page_size}

    async def performance(
        self, period: str, *, strategy: str | None, symbol: str | None, by: str | None, limit: int
    ) -> list[Row]:
        """Results per period, newest first: of everything, of one strategy or symbol, or split ``by`` one of them."""
        rows = await self._db.rows(
            queries.PERFORMANCE, period=period, strategy=strategy, symbol=symbol, by=by, limit=limit
        )
        return [row | {"win_rate_percent": rounded(win_rate_percent(row["wins"], row["trades"]))} for row in rows]

    async def owned_symbols(self, symbols: Sequence[str]) -> list[Row]:
        """Traded symbols whose base asset is held, with the last price."""
        held = {row["asset"]: row for row in await self.balances() if row["total"] > 0}
        bases = {symbol: split_symbol(symbol, quote_first=self._quote)[0] for symbol in symbols}
        prices = await self._prices.of_assets(held)
        return [
            {
                "symbol": symbol,
                "asset": base,
                "quantity": held[base]["total"],
                "price": prices.get(symbol),
                "value_quote": held[base]["value_quote"],
            }
            for symbol, base in sorted(bases.items())
            if base in held
        ]

    async def live_statistics(self) -> Row:
        """Counters for a live display."""
        now = self._clock.now()
        row = await self._db.row(queries.LIVE, day=day_start(now))
        rows = await self._db.rows(queries.VOLUMES, since=day_start(now))
        volumes = {each["symbol"]: each["volume"] for each in rows}
        foreign = foreign_quotes(volumes, self._quote)
        prices = await self._prices.of_assets(foreign) if foreign else {}
        completed, wins = row.pop("completed"), row.pop("wins")
        held = [each["value_quote"] for each in await self.balances()]
        return (
            {"timestamp": now, "quote_asset": self._quote}
            | row
            | {
                "volume_today": volume_of(volumes, self._quote, prices),
                "balance": sum((worth for worth in held if worth is not None), ZERO),
                "win_rate_percent": rounded(win_rate_percent(wins, completed)),
            }
        )

    async def statistics(self) -> Row:
        """How the account did: ``core.statistics.performance`` over everything there is."""
        return await self._cache.get("statistics", self._statistics)

    async def _statistics(self) -> Row:
        now = self._clock.now()
        results = Results.of_sums(await self._db.row(queries.CYCLE_TOTALS, day=day_start(now)))
        executed = await self._db.row(queries.EXECUTION)
        latest = await self._db.rows(queries.EQUITY_CURVE, limit=EQUITY_POINTS_READ)
        points = [(to_ms(row["time"]), row) for row in reversed(latest)]
        curve = EquityCurve(
            values=[(at, row["equity"]) for at, row in points],
            returns=[(at, row["return_index"]) for at, row in points],
        )
        times = await self._db.rows(queries.OPEN_TIMES)
        open_times = [(to_ms(row["opened_at"]), to_ms(row["closed_at"] or now)) for row in times]
        figures = asdict(performance_figures(results, curve, open_times))
        shown = {name: rounded(figure, 8 if name == "expectancy" else PLACES) for name, figure in figures.items()}
        return {
            "timestamp": now,
            "quote_asset": self._quote,
            "cycles": results.cycles,
            "volume": results.volume,
            "slippage": executed["slippage"],
            "slippage_bips": slippage_bips(executed["slippage"], executed["measured"]),
        } | shown

    async def signals(self, limit: int) -> list[Row]:
        """Consensus signals, newest first, those that were not accepted with the reason."""
        return await self._db.rows(queries.SIGNALS, limit=limit)

    async def ledger(self) -> Row:
        """Every account's balance, and how many postings made it."""
        by_account: dict[str, dict[str, Decimal]] = {account.value: {} for account in LedgerAccount}
        for row in await self._db.rows(queries.LEDGER_BALANCES):
            by_account[row["account"]][row["asset"]] = row["amount"]
        return {"accounts": by_account} | await self._db.row(queries.LEDGER_COUNTS)

    async def postings(self, *, kind: str | None, limit: int) -> list[Row]:
        """The latest postings with their lines."""
        return await self._db.rows(queries.POSTINGS, kind=kind, limit=limit)


def _sum_if_known(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum; None when a part of it is not known."""
    known = list(amounts)
    return None if None in known else sum((amount for amount in known if amount is not None), ZERO)
