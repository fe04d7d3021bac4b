"""What a mirrored exchange says over REST when the mirror opens, and what was missed while its streams were away."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import numpy as np
import orjson

from shared.src.domain.errors import ConfigurationError, TransientError
from shared.src.exchange.proxies import http_options
from simulator.engine.rules import SYMBOL_FILTERS
from simulator.market import series as column
from simulator.market.intervals import HOUR_MS, MINUTE_MS
from simulator.market.series import Rows, scaled
from simulator.market.source import History, no_rows

TIMEOUT_S = 15.0
KLINES_MAX = 1000
# Two answers of 1,000 minutes cover the day that tickers look back on
MINUTE_PAGES = 2
LEVELS = 20


@dataclass(frozen=True, slots=True)
class Listing:
    """One symbol as the mirrored exchange lists it."""

    symbol: str
    base: str
    quote: str
    status: str
    filters: list[dict[str, Any]]
    last_price: Decimal
    last_trade_id: int


def kline_row(kline: list[Any], decimals: int) -> list[int]:
    """One REST kline as the candle store keeps it; trade ids are not told there."""
    prices = [scaled(Decimal(text)) for text in kline[1:5]]
    return [
        int(kline[0]),
        *prices,
        scaled(Decimal(kline[5]), decimals),
        scaled(Decimal(kline[7])),
        int(kline[8]),
        scaled(Decimal(kline[9]), decimals),
        scaled(Decimal(kline[10])),
        column.NO_ID,
        column.NO_ID,
    ]


def stream_row(kline: dict[str, Any], decimals: int) -> list[int]:
    """The ``k`` of a kline message as the candle store keeps it."""
    prices = [scaled(Decimal(kline[name])) for name in ("o", "h", "l", "c")]
    return [
        int(kline["t"]),
        *prices,
        scaled(Decimal(kline["v"]), decimals),
        scaled(Decimal(kline["q"])),
        int(kline["n"]),
        scaled(Decimal(kline["V"]), decimals),
        scaled(Decimal(kline["Q"])),
        int(kline["f"]),
        int(kline["L"]),
    ]


class Upstream:
    """A reader of public REST data.

    Every method raises TransientError, with what to do, when nobody answers, and ConfigurationError for a refusal.
    """

    def __init__(self, rest: str) -> None:
        self.rest = rest.rstrip("/")
        self._client = httpx.Client(base_url=self.rest, timeout=TIMEOUT_S, **http_options(self.rest))

    def close(self) -> None:
        self._client.close()

    def _get(self, path: str, **params: Any) -> Any:
        try:
            answer = self._client.get(f"/api/v3/{path}", params=params)
        except httpx.HTTPError as error:
            raise TransientError(
                f"the exchange to mirror does not answer at {self.rest} ({error or type(error).__name__}): check the "
                "connection, name another host in market.rest and market.streams, or take market.kind synthetic"
            ) from error
        try:
            body = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            body = {}
        if answer.is_error:
            said = body.get("msg", "") if isinstance(body, dict) else ""
            raise ConfigurationError(f"{self.rest} refuses {path} {params}: HTTP {answer.status_code} {said}".rstrip())
        return body

    def server_ms(self) -> int:
        return int(self._get("time")["serverTime"])

    def listings(self, symbols: list[str]) -> list[Listing]:
        """The symbols asked for, in their order."""
        names = orjson.dumps(symbols).decode()
        info = {entry["symbol"]: entry for entry in self._get("exchangeInfo", symbols=names)["symbols"]}
        tickers = {row["symbol"]: row for row in self._get("ticker/24hr", symbols=names)}
        return [self._listing(info[name], tickers[name]) for name in symbols]

    @staticmethod
    def _listing(entry: dict[str, Any], ticker: dict[str, Any]) -> Listing:
        filters = [dict(row) for row in entry["filters"] if row.get("filterType") in SYMBOL_FILTERS]
        return Listing(
            entry["symbol"],
            entry["baseAsset"],
            entry["quoteAsset"],
            entry["status"],
            filters,
            Decimal(ticker["lastPrice"]),
            max(0, int(ticker["lastId"])),
        )

    def book(self, symbol: str) -> tuple[list[list[str]], list[list[str]]]:
        """Best bids and asks as texts."""
        depth = self._get("depth", symbol=symbol, limit=LEVELS)
        return depth["bids"], depth["asks"]

    def history(self, symbol: str, decimals: int, now_ms: int, last_trade_id: int) -> History:
        """Closed candles up to the open minute: two days of minutes, six weeks of hours before them."""
        until = now_ms // MINUTE_MS * MINUTE_MS
        minutes: Rows = no_rows()
        for _ in range(MINUTE_PAGES):
            end = int(minutes[0, column.OPEN_MS]) - 1 if len(minutes) else until - 1
            page = self.minutes(symbol, decimals, end_ms=end)
            minutes = np.concatenate([page, minutes])
            if len(page) < KLINES_MAX:
                break
        minutes = _without_holes(minutes, until)
        hours = no_rows()
        if len(minutes):
            # hours end where minutes begin, so that no trade counts twice
            minutes = minutes[np.argmax(minutes[:, column.OPEN_MS] % HOUR_MS == 0) :]
            end = int(minutes[0, column.OPEN_MS]) - 1
            rows = self._get("klines", symbol=symbol, interval="1h", endTime=end, limit=KLINES_MAX)
            hours = _rows([kline_row(row, decimals) for row in rows if row[6] <= end])
        counted = int(minutes[:, column.COUNT].sum() + hours[:, column.COUNT].sum())
        return History(minutes, hours, trades_before=max(0, last_trade_id - counted))

    def minutes(self, symbol: str, decimals: int, *, start_ms: int | None = None, end_ms: int | None = None) -> Rows:
        """Minute candles that have closed, oldest first."""
        bounds = {"startTime": start_ms, "endTime": end_ms}
        known = {name: value for name, value in bounds.items() if value is not None}
        rows = self._get("klines", symbol=symbol, interval="1m", limit=KLINES_MAX, **known)
        now = self.server_ms() if end_ms is None else end_ms + 1
        return _rows([kline_row(row, decimals) for row in rows if row[6] < now])


def _rows(rows: list[list[int]]) -> Rows:
    return np.array(rows, dtype=np.int64).reshape(len(rows), column.WIDTH)


def _without_holes(minutes: Rows, until: int) -> Rows:
    """The newest minutes that follow each other up to ``until``; none when the newest is missing."""
    if not len(minutes) or int(minutes[-1, column.OPEN_MS]) != until - MINUTE_MS:
        return no_rows()
    gaps = np.flatnonzero(np.diff(minutes[:, column.OPEN_MS]) != MINUTE_MS)
    return minutes[gaps[-1] + 1 :] if len(gaps) else minutes
