"""One demo from start to summary, in the foreground."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from cli import dashboard_build
from cli.books import Books
from cli.data_folder import DataFolder, write_json
from cli.demo_options import DemoOptions
from cli.exchange_account import ExchangeAccount
from cli.exits import CommandError, ExitCode
from cli.platform import Platform, RunPlan
from cli.progress import Progress
from cli.summary import Times, pause_entries, settle, summarise
from cli.supervisor import stop_on_signals
from shared.src.domain.clock import Clock, ScaledClock

T = TypeVar("T")
FIGURES_EVERY_S = 10.0


class InterruptedRunError(CommandError):
    """Somebody asked the run to end before it was done."""

    def __init__(self) -> None:
        super().__init__("interrupted", code=ExitCode.INTERRUPTED)


async def run_demo(options: DemoOptions, data: DataFolder, clock: Clock, progress: Progress) -> dict[str, Any]:
    """Start everything, trade for the asked time, stop everything; answers the summary.

    Raises:
        CommandError: it did not start, or was interrupted.
    """
    stop = asyncio.Event()
    stop_on_signals(stop)
    await dashboard_build.offer(progress.say)
    plan = RunPlan(kind="demo", kafka=options.kafka, fixture=options.fixture(), overrides=options.overrides())
    platform = Platform(plan, data, clock, report=progress.say)
    progress.watch(platform.supervisor.status)
    error = ""
    try:
        await _or_stop(platform.start(), stop)
        progress.say(f"all services are healthy; the dashboard is at {platform.dashboard_url}")
        return await _trade(options, platform, clock, progress, stop)
    except CommandError as failure:
        error = str(failure)
        raise
    finally:
        progress.say("stopping")
        await platform.supervisor.stop(error=error)


async def _or_stop(work: Coroutine[Any, Any, T], stop: asyncio.Event) -> T:
    """Do the work, unless told to stop first."""
    task = asyncio.create_task(work)
    waiter = asyncio.create_task(stop.wait())
    await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise InterruptedRunError
    return task.result()


async def _trade(
    options: DemoOptions, platform: Platform, clock: Clock, progress: Progress, stop: asyncio.Event
) -> dict[str, Any]:
    market = _market_clock(platform, clock)
    market_start = market.now()
    began = clock.monotonic()
    books = Books(platform.postgres.url())
    figures = asyncio.create_task(_show_figures(options, books, market, progress))
    try:
        await platform.supervisor.watch(stop, seconds=options.duration_s)
    finally:
        figures.cancel()
        await asyncio.gather(figures, return_exceptions=True)
    if stop.is_set():
        raise InterruptedRunError
    duration_s = clock.monotonic() - began
    progress.say("the time is over: no new entries; waiting for what is under way")
    return await _or_stop(
        _summary(platform, books, clock, progress, Times(duration_s, 0.0, market_start, options.speed)), stop
    )


def _market_clock(platform: Platform, clock: Clock) -> Clock:
    text = platform.twin.clock if platform.twin is not None else ""
    return ScaledClock.parse(text) if text else clock


async def _summary(platform: Platform, books: Books, clock: Clock, progress: Progress, times: Times) -> dict[str, Any]:
    address = platform.twin.address if platform.twin is not None else None
    if address is None:
        raise CommandError("the exchange is gone", code=ExitCode.NOT_SO)
    if not await pause_entries(platform.ports["trader"], platform.api_token):
        progress.say("the trader did not take the pause")
    account = ExchangeAccount(address.rest, address.api_key, address.secret_key)
    comparison = await settle(books, account, clock)
    document = await summarise(
        books=books,
        comparison=comparison,
        status=platform.supervisor.status(),
        ports=platform.ports,
        times=Times(times.duration_s, platform.supervisor.startup_s or 0.0, times.market_start, times.speed),
        quote_asset=platform.plan.overrides["QUOTE_ASSET"],
        dashboard_url=platform.dashboard_url,
    )
    write_json(platform.data.summary_file, document)
    return document


async def _show_figures(options: DemoOptions, books: Books, market: Clock, progress: Progress) -> None:
    began = market.monotonic()
    market_start = market.now()
    while True:
        await market.sleep(FIGURES_EVERY_S)
        try:
            counts = await books.counts(market_start)
        except CommandError as error:
            progress.say(str(error))
            continue
        progress.figures(
            f"{market.monotonic() - began:.0f} of {options.duration_s:.0f} s · market {market.now():%d %b %H:%M} · "
            f"{counts['candles_closed']} candles · {counts['signals']} signals · {counts['orders']} orders · "
            f"{counts['fills']} fills · {counts['cycles_completed']} cycles completed · "
            f"net {counts['pnl_net']:.2f}"
        )
