"""The account as the tables of the trader and the portfolio tell it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core.capital.pockets import Pocket
from core.capital.valuation import symbols_of
from core.risk.account import AccountView, OpenCycle, OutsideBuy, PendingEntry, Purchase, assets_of, rates_of
from core.risk.fees import FeeModel
from core.risk.halts import Cause, Pause, reasons
from core.risk.loss import LossMark
from core.risk.protections import EndedTrade
from shared.src.database import Database
from shared.src.domain.money import ZERO
from shared.src.domain.orders import ManagedBy
from shared.src.market.last_closes import last_closes
from shared.src.sql import ENDED_CYCLES, ENDED_TRADES, LIVE_ORDERS, text

# One round trip; amounts travel as text inside the JSON. An order without a price may spend what it was decided at.
_ACCOUNT = text(f"""
SELECT
  (SELECT json_agg(json_build_object('id', c.id, 'intent', c.intent_id, 'symbol', c.symbol, 'strategy', c.strategy,
                   'managed_by', c.managed_by,
                   'created_ms', extract(epoch FROM c.created_at) * 1000,
                   'quantity', c.quantity::text, 'sold', c.exit_quantity::text,
                   'entry_price', COALESCE(c.entry_price, 0)::text,
                   'bought', COALESCE(e.bought, 0)::text, 'spent', COALESCE(e.spent, 0)::text,
                   'resting', GREATEST(COALESCE(e.resting, 0),
                     CASE WHEN c.entering THEN c.reserved - COALESCE(e.spent, 0) ELSE 0 END)::text)
          ORDER BY c.created_at, c.id)
   FROM trade_cycles c CROSS JOIN LATERAL (
     SELECT sum(o.executed_quantity) AS bought, sum(o.executed_quote) AS spent,
            sum((o.quantity - o.executed_quantity) * COALESCE(o.price, o.stop_price, c.reference_price))
              FILTER (WHERE o.status IN {LIVE_ORDERS}) AS resting
     FROM orders o WHERE o.cycle_id = c.id AND o.side = 'BUY') e
   WHERE c.status NOT IN {ENDED_CYCLES}) AS cycles,
  (SELECT json_agg(json_build_object('symbol', o.symbol,
                   'resting', ((o.quantity - o.executed_quantity) * COALESCE(o.price, o.stop_price, 0))::text)
          ORDER BY o.created_at, o.client_order_id)
   FROM orders o WHERE o.cycle_id IS NULL AND o.side = 'BUY' AND o.status IN {LIVE_ORDERS}) AS outside,
  (SELECT json_agg(json_build_object('intent', d.intent_id, 'symbol', d.symbol, 'amount', r.amount::text,
                   'strategy', d.intent ->> 'strategy')
          ORDER BY d.decided_at, d.intent_id)
   FROM pocket_reservations r JOIN decisions d USING (intent_id)
   WHERE r.status = 'active' AND d.approved
     AND NOT EXISTS (SELECT 1 FROM trade_cycles c WHERE c.intent_id = r.intent_id)) AS pending,
  (SELECT json_object_agg(pocket, json_build_array(share_percent::text, total::text, reserved::text, used::text)
          ORDER BY pocket)
   FROM capital_pockets) AS pockets,
  (SELECT json_object_agg(symbol, json_build_array(taker::text, maker::text)) FROM commission_rates) AS fees,
  (SELECT json_build_array(day, result::text, open_before::text, index::text, day_index::text, peak_index::text)
   FROM loss_mark) AS mark,
  (SELECT json_agg(json_build_object('scope', scope, 'reason', reason, 'since', since, 'cause', cause)
          ORDER BY since, scope, cause)
   FROM trading_pauses WHERE until IS NULL OR until > :now) AS pauses
""")


NONE = timedelta(0)


class PostgresAccount:
    """Implements ``coordinator.src.ports.AccountReader``."""

    def __init__(self, database: Database, *, quote_asset: str, history: timedelta = NONE) -> None:
        """``history``: how far back ended trades are asked for."""
        self._database = database
        self._quote = quote_asset
        self._history = history

    async def view(self, now: datetime, quotes: Collection[str]) -> AccountView:
        async with self._database.autocommit() as connection:
            row = (await connection.execute(_ACCOUNT, {"now": now})).one()
        cycles = [self._cycle(entry) for entry in row.cycles or []]
        pauses = [_pause(entry) for entry in row.pauses or []]
        outside = [self._outside(entry) for entry in row.outside or []]
        pockets = [Pocket(name, *map(Decimal, numbers)) for name, numbers in (row.pockets or {}).items()]
        foreign = {*quotes, *(cycle.quote for cycle in cycles), *(order.quote for order in outside)} - {self._quote, ""}
        return AccountView.of(
            now=now,
            quote=self._quote,
            capital=sum((pocket.total for pocket in pockets), ZERO),
            cycles=cycles,
            pending=[self._pending(entry) for entry in row.pending or []],
            pockets=pockets,
            pauses=reasons(pauses, halts=False),
            halts=reasons(pauses, halts=True),
            losses=_mark(row.mark).losses(now) if row.mark else None,
            rates=await self._rates(sorted(foreign)),
            outside=outside,
            fees={symbol: FeeModel(*map(Decimal, rates)) for symbol, rates in (row.fees or {}).items()},
            ended=await self._ended(now - self._history) if self._history else (),
        )

    async def _ended(self, since: datetime) -> list[EndedTrade]:
        async with self._database.autocommit() as connection:
            rows = await connection.execute(text(ENDED_TRADES), {"since": since})
            return [EndedTrade(*row) for row in rows]

    def _cycle(self, entry: dict[str, Any]) -> OpenCycle:
        base, quote = assets_of(entry["symbol"], self._quote)
        held = Purchase(
            **{name: Decimal(entry[name]) for name in ("quantity", "sold", "entry_price", "bought", "spent")}
        )
        return OpenCycle(
            cycle_id=entry["id"],
            intent_id=entry["intent"] or "",
            symbol=entry["symbol"],
            base=base,
            quote=quote,
            created_ms=int(entry["created_ms"]),
            cost=held.cost,
            resting=Decimal(entry["resting"]),
            strategy=entry["strategy"],
            is_owners=entry["managed_by"] == ManagedBy.OWNER.value,
        )

    def _outside(self, entry: dict[str, Any]) -> OutsideBuy:
        base, quote = assets_of(entry["symbol"], self._quote)
        return OutsideBuy(base, quote, Decimal(entry["resting"]))

    def _pending(self, entry: dict[str, Any]) -> PendingEntry:
        base, _ = assets_of(entry["symbol"], self._quote)
        return PendingEntry(entry["intent"], entry["symbol"], base, Decimal(entry["amount"]), entry["strategy"])

    async def _rates(self, assets: Iterable[str]) -> dict[str, Decimal]:
        """What other quote assets are worth by their last closed candles; most accounts have none."""
        symbols = symbols_of(assets, self._quote) if assets else []
        return rates_of(assets, self._quote, await last_closes(self._database, symbols)) if symbols else {}


def _pause(entry: dict[str, Any]) -> Pause:
    return Pause(entry["scope"], entry["reason"], datetime.fromisoformat(entry["since"]), Cause(entry["cause"]))


def _mark(columns: list[str]) -> LossMark:
    day, *numbers = columns
    return LossMark(datetime.fromisoformat(day), *map(Decimal, numbers))
