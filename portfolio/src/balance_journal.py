"""Every look at the account is valued, written down and announced, when something changed or a minute went by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson

from core.capital.valuation import EURO, value
from portfolio.src.ports import AccountRecords, AssetPrices, ValuedBalance
from shared.src.bus.ports import LastValue, LastValues, Notices
from shared.src.contracts.portfolio import BalanceUpdated
from shared.src.contracts.topics import BALANCE_UPDATED, BALANCES_KEY, TOTAL_BALANCE_KEY
from shared.src.domain.clock import Clock, to_ms
from shared.src.domain.money import ZERO, wire
from shared.src.exchange.models import Balance

SNAPSHOT_EVERY_S = 60.0


class BalanceJournal:
    """Writes the balances to the records and where others look them up, and tells what changed."""

    def __init__(
        self,
        *,
        records: AccountRecords,
        values: LastValues,
        prices: AssetPrices,
        notices: Notices,
        clock: Clock,
        quote_asset: str,
    ) -> None:
        self._records = records
        self._values = values
        self._prices = prices
        self._notices = notices
        self._clock = clock
        self._quote = quote_asset
        self._written_s = float("-inf")

    async def note(self, balances: Mapping[str, Balance], changed: Sequence[Balance]) -> None:
        """Take in one look.

        Raises:
            TransientError: prices, records or the newest values are away.
        """
        if not changed and self._clock.monotonic() - self._written_s < SNAPSHOT_EVERY_S:
            return
        prices = await self._prices.of_assets({*balances, EURO})
        at = self._clock.now()
        held = [
            ValuedBalance(
                balance,
                value(balance.total, asset, self._quote, prices),
                value(balance.total, asset, EURO, prices),
            )
            for asset, balance in balances.items()
        ]
        await self._records.write(held, at)
        self._written_s = self._clock.monotonic()
        newest = _documented(held)
        await self._values.put(newest)
        await self._notices.notify_many([(each.name, each.value) for each in newest])
        for balance in changed:
            await self._announce(balance, at)

    async def _announce(self, balance: Balance, at: datetime) -> None:
        notice = BalanceUpdated(
            message_id=f"{balance.asset}:{to_ms(at)}",
            occurred_at=at,
            asset=balance.asset,
            free=balance.free,
            locked=balance.locked,
        )
        await self._notices.notify(BALANCE_UPDATED.name, BALANCE_UPDATED.encode(notice))


def _documented(held: Sequence[ValuedBalance]) -> list[LastValue]:
    """``account:balances`` and ``account:total_balance``, as the documents have them: keys and channels of these names.

    ``disponible`` and ``en_ordre`` are the documents' words for free and locked. What nobody prices is null.
    """
    rows = [
        {
            "asset": each.balance.asset,
            "free": wire(each.balance.free),
            "locked": wire(each.balance.locked),
            "total": wire(each.balance.total),
            "value_usdc": None if each.value is None else wire(each.value),
            "disponible": wire(each.balance.free),
            "en_ordre": wire(each.balance.locked),
            "eur_value": None if each.value_eur is None else wire(each.value_eur),
        }
        for each in held
    ]
    total = sum((each.value for each in held if each.value is not None), ZERO)
    return [LastValue(BALANCES_KEY, orjson.dumps(rows)), LastValue(TOTAL_BALANCE_KEY, wire(total).encode())]
