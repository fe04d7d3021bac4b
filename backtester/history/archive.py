"""Binance's public archive of candles: a zip for each symbol, time frame and month, with its SHA-256 beside it.

Layout (https://github.com/binance/binance-public-data): ``data/spot/monthly/klines/BTCUSDC/1m/BTCUSDC-1m-2024-01.zip``
and the same name with ``.CHECKSUM``. A month appears some days after its end; before, and for months before a pair was
listed, the answer is 404.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from urllib.parse import quote

import httpx

from backtester.history.months import Month
from shared.src.domain.candles import Timeframe
from shared.src.domain.errors import ConfigurationError, ContractError, TransientError
from shared.src.exchange.proxies import http_options
from shared.src.http_calls import exchange
from shared.src.market.recorded_history import RecordedHistory, read_history

NOT_FOUND = 404
TIMEOUT_S = 60.0
NAMES = {Timeframe.MO1: "1mo"}


class CandleArchive:
    """Reads months from the archive at ``url``."""

    def __init__(self, url: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(
            base_url=url, timeout=TIMEOUT_S, transport=transport, follow_redirects=True, **http_options(url)
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def month(self, symbol: str, timeframe: Timeframe, month: Month) -> RecordedHistory | None:
        """The candles of a month, checked against the archive's own sum; None where it has none.

        Raises:
            TransientError: no answer, or one that was cut; asking again may help.
            ContractError: the file is not what its sum says, or not a file of candles.
        """
        frame = NAMES.get(timeframe, timeframe.value)
        name = f"{symbol}-{frame}-{month}.zip"
        path = f"/data/spot/monthly/klines/{quote(symbol)}/{frame}/{quote(name)}"
        content = await self._get(path)
        if content is None:
            return None
        checksum = await self._get(f"{path}.CHECKSUM")
        if checksum is not None and hashlib.sha256(content).hexdigest() != _sum_of(checksum):
            raise ContractError(f"{name}: the content is not what its checksum says")
        return _read(name, content, symbol)

    async def _get(self, path: str) -> bytes | None:
        answer = await exchange(self._client, "GET", path, who="archive")
        if answer.status_code == NOT_FOUND:
            return None
        if answer.is_error:
            raise TransientError(f"archive {path}: HTTP {answer.status_code}")
        return answer.content


def _sum_of(checksum: bytes) -> str:
    """``<sha256>  <name>``, as sha256sum writes it."""
    words = checksum.decode("ascii", "replace").split()
    return words[0].lower() if words else ""


def _read(name: str, content: bytes, symbol: str) -> RecordedHistory:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            return read_history(path, symbol)
        except ConfigurationError as error:
            failure = str(error).replace(f"{folder}/", "")
    raise ContractError(f"archive: {failure}")
