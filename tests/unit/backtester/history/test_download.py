"""Downloads: from an archive served by HTTP, by REST, interrupted and gone on with."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from backtester.history.archive import CandleArchive
from backtester.history.download import Downloader, MonthDone, Wanted
from backtester.history.store import Added, HistoryStore
from shared.memory.manual_clock import ManualClock
from shared.src.domain.candles import DAY_MS, Candle, Timeframe
from shared.src.domain.errors import ContractError, RejectedError, TransientError
from tests.unit.backtester.history.bars import START_MS, candle

FRAME = Timeframe.M15
STEP_MS = FRAME.milliseconds
DAY = 96
JANUARY, FEBRUARY, NOW = 31 * DAY, 60 * DAY, 62 * DAY + 7


def bar(place: int) -> Candle:
    return candle(place, frame=FRAME)


class Exchange:
    """Serves the bars from ``listed`` on to now; ``failures``: so many calls get no answer."""

    def __init__(self, *, listed: int = 0) -> None:
        self.asked: list[int] = []
        self.failures = 0
        self._listed = listed

    async def server_time(self) -> int:
        return START_MS + NOW * STEP_MS + 42_345

    async def klines(
        self, symbol: str, interval: Timeframe, *, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[Candle]:
        if symbol != "BTCUSDC":
            raise RejectedError("Invalid symbol.", code=-1121)
        if self.failures:
            self.failures -= 1
            raise TransientError("no answer")
        assert interval is FRAME
        assert start_ms is not None
        first = max(self._listed, -(-(start_ms - START_MS) // STEP_MS))
        last = NOW if end_ms is None else min(NOW, (end_ms - START_MS) // STEP_MS)
        self.asked.append(first)
        return [bar(place) for place in range(first, min(last + 1, first + limit))]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "archive").mkdir()
    return tmp_path / "archive"


@pytest.fixture
def served(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def publish(folder: Path, month: str, first: int, last: int, *, damaged: bool = False) -> None:
    """A month as Binance publishes it, in microseconds."""
    place = folder / "data/spot/monthly/klines/BTCUSDC/15m"
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"BTCUSDC-15m-{month}.zip"
    rows = [
        f"{item.time * 1000},{item.open},{item.high},{item.low},{item.close},{item.volume},"
        f"{item.close_time * 1000 + 999},"
        f"{item.quote_asset_volume},{item.number_of_trades},{item.taker_buy_base_asset_volume},"
        f"{item.taker_buy_quote_asset_volume},0"
        for item in map(bar, range(first, last))
    ]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"BTCUSDC-15m-{month}.csv", "\n".join(rows))
    sum_ = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.CHECKSUM").write_text(f"{sum_}  {path.name}\n")
    if damaged:
        path.write_bytes(path.read_bytes()[:-1] + b"!")


def wanted(symbol: str = "BTCUSDC") -> Wanted:
    return Wanted(symbol, FRAME, START_MS, START_MS + 365 * DAY_MS)


async def test_by_rest_alone_every_closed_bar_comes_once(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    assert await Downloader(store, Exchange(), ManualClock()).download(wanted()) == Added(new=NOW)
    kept = store.read("BTCUSDC", FRAME)
    assert kept.time.tolist() == [START_MS + place * STEP_MS for place in range(NOW)]


async def test_past_months_come_from_the_archive_and_the_rest_by_rest(
    tmp_path: Path, folder: Path, served: str
) -> None:
    publish(folder, "2024-01", 0, JANUARY)
    publish(folder, "2024-02", JANUARY, FEBRUARY)
    store, exchange, archive = HistoryStore(tmp_path / "store"), Exchange(), CandleArchive(served)
    done: list[MonthDone] = []
    try:
        added = await Downloader(store, exchange, ManualClock(), archive=archive).download(wanted(), done.append)
    finally:
        await archive.close()
    assert added == Added(new=NOW)
    assert [(str(item.month), item.source) for item in done] == [
        *(("2024-01", "archive"), ("2024-02", "archive"), ("2024-03", "rest")),
    ]
    assert exchange.asked == [0, FEBRUARY]  # the first bar that there is, and what came after the archives
    assert list(store.read("BTCUSDC", FRAME).candles()) == [bar(place) for place in range(NOW)]


async def test_a_month_that_the_archive_lacks_comes_by_rest(tmp_path: Path, folder: Path, served: str) -> None:
    publish(folder, "2024-02", JANUARY, FEBRUARY)
    store, archive = HistoryStore(tmp_path / "store"), CandleArchive(served)
    try:
        assert await Downloader(store, Exchange(), ManualClock(), archive=archive).download(wanted()) == Added(new=NOW)
    finally:
        await archive.close()


async def test_a_damaged_archive_is_refused_and_nothing_of_it_is_kept(
    tmp_path: Path, folder: Path, served: str
) -> None:
    publish(folder, "2024-01", 0, JANUARY, damaged=True)
    store, archive = HistoryStore(tmp_path / "store"), CandleArchive(served)
    try:
        with pytest.raises(ContractError, match="checksum"):
            await Downloader(store, Exchange(), ManualClock(), archive=archive).download(wanted())
    finally:
        await archive.close()
    assert store.sets() == []


async def test_an_interrupted_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    store, exchange, clock = HistoryStore(tmp_path), Exchange(), ManualClock()
    downloader = Downloader(store, exchange, clock)

    def lose_the_link(done: MonthDone) -> None:
        exchange.failures = 5 if str(done.month) == "2024-02" else 0

    with pytest.raises(TransientError):
        await downloader.download(wanted(), lose_the_link)
    exchange.asked.clear()
    assert await downloader.download(wanted()) == Added(new=NOW - FEBRUARY)
    assert [place for place in exchange.asked if 0 < place < FEBRUARY] == [], "what is kept is not asked for again"


async def test_a_call_that_fails_four_times_is_no_failure(tmp_path: Path) -> None:
    exchange = Exchange()
    exchange.failures = 4
    assert await Downloader(HistoryStore(tmp_path), exchange, ManualClock()).download(wanted()) == Added(new=NOW)


async def test_before_it_was_listed_a_pair_has_no_bars(tmp_path: Path) -> None:
    store, exchange = HistoryStore(tmp_path), Exchange(listed=FEBRUARY + 100)
    assert await Downloader(store, exchange, ManualClock()).download(wanted()) == Added(new=NOW - FEBRUARY - 100)


async def test_a_pair_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RejectedError):
        await Downloader(HistoryStore(tmp_path), Exchange(), ManualClock()).download(wanted("ETHUSDC"))
