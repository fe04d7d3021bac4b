"""One trader acts for an account: two processes on one database and one exchange account."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from redis import Redis

from shared.src.clocks import SystemClock
from shared.src.config import Settings
from shared.src.contracts.topics import ORDER_INTENT
from shared.src.database import Database
from shared.src.domain.errors import LeaseLostError, TransientError
from tests.integration.simulator.conftest import RunningTwin
from tests.integration.trader.conftest import entry
from tests.integration.trader.test_process import Trader, rows, trader_process, until
from trader.src.adapters import account_lease
from trader.src.adapters.account_lease import AccountLease

pytestmark = pytest.mark.integration
ACCOUNT = "exchange/7"


@asynccontextmanager
async def holding(settings: Settings, name: str, *, request_s: float = 1.0) -> AsyncIterator[AccountLease]:
    lease = AccountLease(settings.database_url, SystemClock(), holder=name, request_s=request_s)
    task = asyncio.create_task(lease.hold(ACCOUNT))
    try:
        yield lease
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, LeaseLostError):
            await task


async def acquired(lease: AccountLease, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        await lease.acquired.wait()


async def test_the_second_waits_says_for_whom_and_takes_over_at_once(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    async with holding(settings, "the first") as first:
        await acquired(first)
        first.check()
        async with holding(settings, "the second") as second:
            await asyncio.sleep(1.2)
            assert "the first" in second.reason
            with pytest.raises(TransientError, match="the first"):
                second.check()
        assert not second.acquired.is_set()
    async with holding(settings, "the third") as third:
        await acquired(third, 3)
        third.check()


async def test_who_stood_still_loses_the_lease_sends_nothing_and_commits_nothing(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings()
    monkeypatch.setattr(account_lease, "SLACK_S", 1.0)
    database = Database.of(settings, "trader")
    async with holding(settings, "the frozen", request_s=0.5) as frozen:
        monkeypatch.setattr(account_lease, "RENEW_EVERY_S", 3600.0)
        await acquired(frozen)
        async with database.begin() as connection:
            await frozen.confirm(connection)
        monkeypatch.setattr(account_lease, "RENEW_EVERY_S", 0.1)
        async with holding(settings, "the next", request_s=0.5) as following:
            began = time.monotonic()
            await acquired(following)
            assert time.monotonic() - began < 5
            with pytest.raises(TransientError):
                frozen.check()
            with pytest.raises(LeaseLostError):
                async with database.begin() as connection:
                    await frozen.confirm(connection)
            async with database.begin() as connection:
                await following.confirm(connection)
    await database.close()


async def test_other_accounts_have_leases_of_their_own(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    async with holding(settings, "live") as live:
        await acquired(live)
        paper = AccountLease(settings.database_url, SystemClock(), holder="paper", request_s=1)
        task = asyncio.create_task(paper.hold("paper"))
        await acquired(paper, 3)
        task.cancel()


def health(trader: Trader) -> str:
    try:
        return str(trader.client.get("/health").json()["dependencies"]["account"]["detail"])
    except httpx.TransportError:
        return ""


@contextmanager
def standing_by(settings: Settings, log: Path) -> Iterator[Trader]:
    trader = Trader(settings, log)
    trader.start()
    try:
        while not health(trader).startswith("standby: another"):
            time.sleep(0.1)
        assert trader.client.get("/health").status_code == 503
        yield trader
    finally:
        assert trader.stop() == 0
        trader.client.close()


def until_acting(trader: Trader, seconds: float) -> float:
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if health(trader).startswith("acts for"):
            return time.monotonic() - began
        time.sleep(0.1)
    raise AssertionError(health(trader))


def wish(flushed: Redis, number: int) -> None:
    fields = {b"k": b"", b"d": ORDER_INTENT.encode(entry(f"lease-{number}", quantity="0.01"))}
    flushed.xadd(ORDER_INTENT.name, fields)  # type: ignore[arg-type]


def test_two_traders_are_one(trader_settings: Settings, twin: RunningTwin, flushed: Redis, tmp_path: Path) -> None:
    with trader_process(trader_settings, tmp_path) as first:
        until_acting(first, 20)
        with standing_by(trader_settings, tmp_path / "second.log") as second:
            refused = second.post("/order", {"symbol": "BTCUSDC", "side": "BUY", "quantity": 0.01})
            assert (refused.status_code, "standby" in refused.json()["detail"]) == (503, True)
            assert second.client.get("/orders").status_code == 200
            wish(flushed, 1)
            until(trader_settings, "SELECT * FROM trade_cycles WHERE protected_at IS NOT NULL")
            first.kill()
            assert until_acting(second, 20) < 8
            closed = second.post("/close-position", {"symbol": "BTCUSDC"})
            assert closed.status_code == 200, closed.text
            until(trader_settings, "SELECT * FROM trade_cycles WHERE status = 'completed'")
            assert len(rows(trader_settings, "SELECT * FROM orders WHERE purpose = 'exit'")) == 1
            assert not rows(trader_settings, "SELECT * FROM orders WHERE purpose = 'external'")


def test_a_trader_that_was_frozen_wakes_and_does_not_act(
    trader_settings: Settings, twin: RunningTwin, flushed: Redis, tmp_path: Path
) -> None:
    with trader_process(trader_settings, tmp_path) as frozen:
        until_acting(frozen, 20)
        with standing_by(trader_settings, tmp_path / "next.log") as following:
            assert frozen.process is not None
            frozen.process.send_signal(signal.SIGSTOP)
            wish(flushed, 1)
            took = until_acting(following, 30)
            until(trader_settings, "SELECT * FROM trade_cycles WHERE protected_at IS NOT NULL")
            frozen.process.send_signal(signal.SIGCONT)
            assert frozen.process.wait(30) == 1
            assert took < 15
            assert len(rows(trader_settings, "SELECT * FROM orders WHERE side = 'BUY'")) == 1
            assert not rows(trader_settings, "SELECT * FROM orders WHERE purpose = 'external'")
