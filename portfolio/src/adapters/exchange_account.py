"""Where the balances come from: the exchange itself, or the trader that matches orders in its own process."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

import httpx
from redis.asyncio import Redis

from core.capital.differences import Trade, Trades
from core.capital.flows import Histories, RecordedFlow
from core.capital.ledger import Flow, PostingKind
from portfolio.src.ports import ExchangeAccount
from shared.src.config import Settings
from shared.src.domain.clock import Clock, to_ms
from shared.src.domain.errors import ContractError, RejectedError
from shared.src.exchange.account import AccountData
from shared.src.exchange.client import BinanceClient
from shared.src.exchange.models import Balance, parse_balances
from shared.src.exchange.venue import Venue, venue_of
from shared.src.exchange.wallet import MoveKind, WalletMove, wallet_moves
from shared.src.http_calls import call_service

TIMEOUT_S = 5.0
NO_SUCH_SYMBOL = -1121  # delisted since it was traded
HISTORY_MS = 29 * 24 * 3600 * 1000  # some histories tell of thirty days at most


class BinanceAccount:
    """Binance, or its twin."""

    def __init__(self, client: BinanceClient) -> None:
        self._client = client
        self._account = AccountData(client)

    async def balances(self) -> dict[str, Balance]:
        return (await self._account.account()).balances

    async def trades(self, symbol: str, since: datetime) -> Trades | None:
        try:
            fills = await self._account.trades(symbol)
        except RejectedError as error:
            if error.code != NO_SUCH_SYMBOL:
                raise
            return {}
        since_ms = to_ms(since)
        return {
            fill.trade_id: Trade(fill.quantity, fill.quote_quantity, fill.fee, fill.fee_asset)
            for fill in fills
            if fill.time_ms >= since_ms
        }

    async def flows(self, since: datetime) -> Histories:
        now_ms = self._client.timestamp_ms()
        since_ms = max(to_ms(since), now_ms - HISTORY_MS)
        moves, reasons = await wallet_moves(self._client.wallet, since_ms, now_ms)
        return Histories(tuple(map(_recorded, moves)), "; ".join(reasons))

    async def close(self) -> None:
        await self._client.close()


KINDS = {
    MoveKind.DEPOSIT: PostingKind.DEPOSIT,
    MoveKind.WITHDRAWAL: PostingKind.WITHDRAWAL,
    MoveKind.DUST: PostingKind.DUST,
    MoveKind.DIVIDEND: PostingKind.REWARD,
    MoveKind.CONVERT: PostingKind.CONVERT,
}


def _recorded(move: WalletMove) -> RecordedFlow:
    return RecordedFlow(f"{move.kind}-{move.number}", Flow(KINDS[move.kind], move.moves), move.at)


class TraderAccount:
    """In-process paper trading: the trader holds the account."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def balances(self) -> dict[str, Balance]:
        rows = (await call_service(self._client, "GET", "/balance", who="trader")).get("balances", [])
        if not isinstance(rows, list):
            raise ContractError("trader /balance: 'balances' is not a list")
        return parse_balances(rows, ("asset", "free", "locked"))

    async def trades(self, symbol: str, since: datetime) -> Trades | None:
        return None

    async def flows(self, since: datetime) -> Histories:
        return Histories()

    async def close(self) -> None:
        await self._client.aclose()


def account_for(settings: Settings, clock: Clock, redis: Redis) -> ExchangeAccount:
    """The account at the venue where the trader's orders are matched."""
    match venue := venue_of(settings):
        case Venue.BINANCE | Venue.TWIN:
            return BinanceAccount(BinanceClient(settings, clock, redis=redis))
        case Venue.PAPER:
            token = settings.api_token.get_secret_value()
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            url = settings.url_of("trader")
            return TraderAccount(httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False))
        case _:
            assert_never(venue)
