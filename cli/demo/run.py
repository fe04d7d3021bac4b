"""One demo from start to summary, in the foreground."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from cli.data_folder import DataFolder, write_json
from cli.demo.exchange_account import AccountClient
from cli.demo.options import DemoOptions
from cli.demo.run_facts import RunFacts
from cli.demo.summary import MarketMessages, Times, pause_entries, settle, summarise
from cli.exits import CommandError, ExitCode
from cli.progress import Progress
from cli.run.platform import PlatformRun, RunPlan
from cli.run.supervisor import stop_on_signals
from cli.setup import dashboard_build
from shared.src.clocks import ScaledClock
from shared.src.domain.clock import Clock

T = TypeVar("T")
FIGURES_EVERY_S = 10.0


class InterruptedRunError(CommandError):
    """Somebody asked the run to end before it was done."""

    def __init__(self) -> None:
        super().__init__("interrupted", code=ExitCode.INTERRUPTED)


async def run_demo(options: DemoOptions, data: DataFolder, clock: Clock, progress: Progress) -> dict[str, Any]:
    """Start everything, trade for the asked time, stop everything; returns the summary.

    Raises:
        CommandError: it did not start, or was interrupted.
    """
    stop = asyncio.Event()
    stop_on_signals(stop)
    await dashboard_build.offer(progress.say)
    plan = RunPlan(kind="demo", kafka=options.kafka, fixture=options.fixture(), overrides=options.overrides())
    platform = PlatformRun(plan, data, clock, report=progress.say)
    progress.watch(platform.supervisor.status)
    error = ""
    try:
        await _or_stop(platform.start(), stop)
        progress.say(f"all services are healthy; the dashboard is at {platform.dashboard_url}")
        progress.say(f"the API token for trading by hand is in {data.token_file}")
        return await _DemoRun(options, platform, clock, progress, stop).trade()
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


class _DemoRun:
    """The trading time of one demo, from the moment everything is healthy."""

    def __init__(
        self, options: DemoOptions, platform: PlatformRun, clock: Clock, progress: Progress, stop: asyncio.Event
    ) -> None:
        self._options = options
        self._platform = platform
        self._clock = clock
        self._progress = progress
        self._stop = stop
        text = platform.twin.clock if platform.twin is not None else ""
        self._market: Clock = ScaledClock.parse(text) if text else clock
        self._market_start = self._market.now()
        self._began = clock.monotonic()
        self._facts = RunFacts(platform.postgres.url())
        self._messages = MarketMessages(platform.ports["gateway"])

    async def trade(self) -> dict[str, Any]:
        """Let it trade, then look back."""
        figures = asyncio.create_task(self._show_figures())
        try:
            await self._platform.supervisor.watch(self._stop, seconds=self._options.duration_s)
        finally:
            figures.cancel()
            await asyncio.gather(figures, return_exceptions=True)
        if self._stop.is_set():
            raise InterruptedRunError
        duration_s = self._clock.monotonic() - self._began
        self._progress.say("the time is over: no new entries; waiting for what is under way")
        return await _or_stop(self._summary(duration_s), self._stop)

    async def _summary(self, duration_s: float) -> dict[str, Any]:
        platform = self._platform
        address = platform.twin.address if platform.twin is not None else None
        if address is None:
            raise CommandError("the exchange is gone", code=ExitCode.NOT_SO)
        if not await pause_entries(platform.ports["trader"], platform.api_token):
            self._progress.say("the trader did not take the pause")
        account = AccountClient(address.rest, address.api_key, address.secret_key)
        comparison = await settle(self._facts, account, self._clock)
        startup_s = platform.supervisor.startup_s or 0.0
        document = await summarise(
            facts=self._facts,
            comparison=comparison,
            status=platform.supervisor.status(),
            market_messages=await self._messages.total(),
            times=Times(duration_s, startup_s, self._market_start, self._options.speed),
            quote_asset=self._options.quote_asset,
            dashboard_url=platform.dashboard_url,
        )
        write_json(platform.data.summary_file, document)
        return document

    async def _show_figures(self) -> None:
        while True:
            await self._clock.sleep(FIGURES_EVERY_S)
            try:
                counts = await self._facts.counts(self._market_start)
                messages = await self._messages.total()
            except CommandError as error:
                self._progress.say(str(error))
                continue
            self._progress.figures(
                f"{self._clock.monotonic() - self._began:.0f} of {self._options.duration_s:.0f} s · "
                f"market {self._market.now():%d %b %H:%M} · {messages} messages · "
                f"{counts['candles_closed']} candles · {counts['signals']} signals · {counts['orders']} orders · "
                f"{counts['fills']} fills · {counts['cycles_completed']} cycles completed · "
                f"net {counts['pnl_net']:.2f}"
            )
