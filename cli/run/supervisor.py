"""Starts the components in order, keeps them running, stops them in reverse; what runs is written to ``run.json``."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from cli.data_folder import DataFolder, write_private
from cli.exits import CommandError, ExitCode, missing
from cli.process.child import Child, Launch, Reaper, created_at, start
from cli.run import requests
from cli.run.supervised import ComponentState, SupervisedComponent, exit_text
from cli.stack.component import Announces, Component
from cli.stack.health import ComponentHealth
from shared.src.domain.clock import Clock

TICK_S = 0.1
PROBE_EVERY_S = 1.5
PROBE_STARTING_EVERY_S = 0.3
PROBE_TIMEOUT_S = 5.0
SILENCE_MAX_S = 30.0
CRASHES_AT_START_MAX = 4
SLOW_STOP_S = 3.0
LOG_TAIL_LINES = 12

Report = Callable[[str], None]


class Supervisor:
    """Owns the processes of one run."""

    def __init__(self, data: DataFolder, clock: Clock, *, kind: str, mode: str, report: Report) -> None:
        self._data = data
        self._clock = clock
        self._kind = kind
        self._mode = mode
        self._report = report
        self._reaper = Reaper()
        self._supervised: dict[str, SupervisedComponent] = {}
        self._readers: set[asyncio.Task[None]] = set()
        self._probes: dict[str, asyncio.Task[ComponentHealth]] = {}
        self._probed_at: dict[str, float] = {}
        self._tender: asyncio.Task[None] | None = None
        self._state = "starting"
        self._error = ""
        self._exit_code = ExitCode.OK
        self._written = ""
        self._began = clock.monotonic()
        self._created = created_at(os.getpid())
        self.startup_s: float | None = None

    # Looking

    @property
    def components(self) -> dict[str, SupervisedComponent]:
        return self._supervised

    def services(self) -> list[SupervisedComponent]:
        return [entry for entry in self._supervised.values() if entry.is_service]

    def status(self) -> dict[str, Any]:
        """The status document, with what another terminal needs to find this run."""
        return {
            "services": {entry.name: entry.describe() for entry in self.services()},
            "stack": {entry.name: entry.describe() for entry in self._supervised.values() if not entry.is_service},
            "mode": self._mode,
            "kind": self._kind,
            "state": self._state,
            "error": self._error,
            "exit_code": int(self._exit_code),
            "pid": os.getpid(),
            "created": self._created,
            "startup_s": self.startup_s,
        }

    # Starting

    async def bring_up(self, component: Component, *, timeout_s: float = 60.0) -> None:
        """Prepare and start a component others need, and wait until it is healthy.

        Raises:
            CommandError: it does not come up; the text holds the end of its log.
        """
        component.prepare()
        entry = self._add(component, is_service=False)
        await self.until_healthy([entry], timeout_s=timeout_s)
        await component.after_start()
        where = f" on port {component.port}" if component.port else ""
        self._report(f"{component.name} is up{where}")

    def observe(self, component: Component) -> None:
        """Watch a component without waiting for it."""
        component.prepare()
        self._add(component, is_service=False)

    def begin_services(self, components: Iterable[Component]) -> list[SupervisedComponent]:
        """Start services without waiting between them: each waits for what it needs by itself."""
        begun = []
        for component in components:
            component.prepare()
            begun.append(self._add(component, is_service=True))
        return begun

    async def run_once(self, launch: Launch, *, timeout_s: float) -> int:
        """Run a process to its end; returns its exit code. It is ended when it takes too long."""
        child = start(launch, self._clock)
        self._reaper.watch(child.pid)
        deadline = self._clock.monotonic() + timeout_s
        try:
            while (code := child.exit_code()) is None and self._clock.monotonic() < deadline:
                await self._clock.sleep(TICK_S / 2)
            return -1 if code is None else code
        finally:
            await child.stop(self._clock, grace_s=0)
            self._reaper.forget(child.pid)

    async def until_healthy(self, components: Sequence[SupervisedComponent], *, timeout_s: float) -> None:
        """Wait until every component says it is well.

        Raises:
            CommandError: one refuses its configuration, crashes again and again, or takes too long.
        """
        deadline = self._clock.monotonic() + timeout_s
        while True:
            waiting = [entry for entry in components if not entry.health.healthy]
            if not waiting:
                return
            self.check()
            for entry in waiting:
                self._give_up_if_hopeless(entry)
            if self._clock.monotonic() > deadline:
                named = ", ".join(f"{entry.name} ({entry.health.detail})" for entry in waiting)
                raise missing(f"not healthy after {timeout_s:.0f} s: {named}{self._tail(waiting[0].name)}")
            await self._clock.sleep(TICK_S / 2)

    def _give_up_if_hopeless(self, entry: SupervisedComponent) -> None:
        refused = entry.last_exit == ExitCode.USAGE
        if refused or entry.crashes_in_a_row >= CRASHES_AT_START_MAX:
            code = ExitCode.USAGE if refused else ExitCode.MISSING
            text = exit_text(entry.last_exit or 0)
            raise CommandError(f"{entry.name} does not start: it {text}{self._tail(entry.name)}", code=code)

    def _tail(self, name: str) -> str:
        log = self._data.log_of(name)
        with suppress(FileNotFoundError):
            lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
            if lines:
                return f"\n  the end of {log}:\n    " + "\n    ".join(line[:400] for line in lines)
        return ""

    def started(self) -> None:
        """Everything is healthy: note how long it took."""
        self.startup_s = round(self._clock.monotonic() - self._began, 1)
        self._state = "running"
        self.write()

    def _add(self, component: Component, *, is_service: bool) -> SupervisedComponent:
        entry = SupervisedComponent(component=component, is_service=is_service, since=self._clock.now())
        self._supervised[component.name] = entry
        self._spawn(entry)
        if self._tender is None:
            self._tender = asyncio.create_task(self._tend(), name="supervisor")
        return entry

    def _spawn(self, entry: SupervisedComponent) -> None:
        launch = entry.component.launch()
        if launch is None:
            return
        try:
            entry.child = start(launch, self._clock)
        except OSError as error:
            raise missing(f"{entry.name} cannot be started: {error}") from error
        self._reaper.watch(entry.child.pid)
        entry.retry_at = entry.first_silence = None
        if entry.child.stdout is not None:
            task = asyncio.create_task(self._read_announcement(entry, entry.child))
            self._readers.add(task)
            task.add_done_callback(self._readers.discard)

    async def _read_announcement(self, entry: SupervisedComponent, child: Child) -> None:
        """Take the first JSON line of a process for ourselves, and the rest of its output into its log."""
        reader = asyncio.StreamReader(limit=2**20)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), child.stdout)
        before = None if entry.restarts == 0 else self._variables(entry)
        waiting = True
        with self._data.log_of(entry.name).open("ab", buffering=0) as log:
            while line := await reader.readline():
                if waiting and line.startswith(b"{") and isinstance(entry.component, Announces):
                    entry.component.announced(json.loads(line))
                    waiting = False
                    self._restart_dependents(entry, before)
                else:
                    log.write(line)
        transport.close()

    def _variables(self, entry: SupervisedComponent) -> dict[str, str] | None:
        variables = getattr(entry.component, "variables", None)
        return dict(variables()) if variables is not None else None

    def _restart_dependents(self, entry: SupervisedComponent, before: dict[str, str] | None) -> None:
        """A component that came back at another address: the services must learn it."""
        if before is None or before == self._variables(entry):
            return
        self._report(f"{entry.name} came back at another address: the services restart")
        for service in self.services():
            if service.child is not None:
                service.child.ask_to_stop()

    # Keeping

    def check(self) -> None:
        """Raise what ended the supervision, if anything did."""
        if self._tender is not None and self._tender.done():
            self._tender.result()

    async def watch(self, stop: asyncio.Event, *, seconds: float | None = None) -> None:
        """Supervise until told to stop, or for so many wall seconds."""
        deadline = None if seconds is None else self._clock.monotonic() + seconds
        while not stop.is_set() and (deadline is None or self._clock.monotonic() < deadline):
            self.check()
            await self._clock.sleep(TICK_S)

    async def _tend(self) -> None:
        while True:
            for entry in list(self._supervised.values()):
                self._check_exit(entry)
                self._restart_if_due(entry)
                self._end_if_hung(entry)
                self._probe_if_due(entry)
            await self._obey()
            self.write()
            await self._clock.sleep(TICK_S)

    def _check_exit(self, entry: SupervisedComponent) -> None:
        code = entry.child.exit_code() if entry.child else None
        if entry.child is None or code is None or entry.state in (ComponentState.STOPPING, ComponentState.STOPPED):
            return
        entry.child.kill_group()
        self._reaper.forget(entry.child.pid)
        entry.crashed(exit_code=code, now=self._clock.monotonic(), at=self._clock.now())
        self._report(f"{entry.name} {exit_text(code)}; it starts again in {entry.backoff_s():.1f} s")

    def _restart_if_due(self, entry: SupervisedComponent) -> None:
        if entry.retry_at is None or self._clock.monotonic() < entry.retry_at:
            return
        entry.restarts += 1
        self._spawn(entry)
        self._report(f"{entry.name} is started again ({entry.restarts})")

    def _end_if_hung(self, entry: SupervisedComponent) -> None:
        """A service that has been silent for long hangs: end it, so that it is started again."""
        silent = entry.first_silence is not None and self._clock.monotonic() - entry.first_silence > SILENCE_MAX_S
        if silent and entry.child is not None and entry.was_healthy:
            self._report(f"{entry.name} has not answered for {SILENCE_MAX_S:.0f} s; it is ended")
            entry.first_silence = None
            entry.child.kill_group()

    def _probe_if_due(self, entry: SupervisedComponent) -> None:
        running = self._probes.get(entry.name)
        if running is not None:
            if running.done():
                del self._probes[entry.name]
                if entry.retry_at is None and entry.state is not ComponentState.STOPPED:
                    entry.observe(running.result(), now=self._clock.monotonic(), at=self._clock.now())
            return
        every = PROBE_EVERY_S if entry.health.healthy else PROBE_STARTING_EVERY_S
        now = self._clock.monotonic()
        if entry.retry_at is None and now - self._probed_at.get(entry.name, -every) >= every:
            self._probed_at[entry.name] = now
            self._probes[entry.name] = asyncio.create_task(_probe(entry.component))

    async def _obey(self) -> None:
        for request in requests.take(self._data):
            entry = self._supervised.get(request.service)
            if entry is not None and entry.is_service:
                self._report(f"{entry.name} is restarted on request")
                await self.restart(entry)

    async def restart(self, entry: SupervisedComponent) -> None:
        """Stop a component and start it at once."""
        if entry.child is not None:
            entry.change(ComponentState.STOPPING, self._clock.now())
            await self._end(entry)
        entry.restarts += 1
        entry.crashes_in_a_row = 0
        entry.health = ComponentHealth(healthy=False, detail="starting", answered=False)
        entry.change(ComponentState.STARTING, self._clock.now())
        self._spawn(entry)

    def write(self) -> None:
        """Publish the state for other terminals, when it changed."""
        text = json.dumps(self.status(), indent=1)
        if text != self._written:
            self._written = text
            write_private(self._data.run_file, text + "\n")

    # Stopping

    async def stop(self, *, error: str = "", code: ExitCode = ExitCode.OK) -> None:
        """Stop everything in reverse order. Safe to call at any stage of the start."""
        self._state, self._error, self._exit_code = "stopping", error, code
        if self._tender is not None:
            self._tender.cancel()
            await asyncio.gather(self._tender, return_exceptions=True)
        services = self.services()
        for entry in reversed(services):
            entry.change(ComponentState.STOPPING, self._clock.now())
        self.write()
        await asyncio.gather(*(self._end(entry) for entry in reversed(services)))
        for entry in reversed([entry for entry in self._supervised.values() if not entry.is_service]):
            await self._end(entry)
        for probe in self._probes.values():
            probe.cancel()
        await asyncio.gather(*self._readers, *self._probes.values(), return_exceptions=True)
        self._reaper.close()
        self._state = "failed" if error else "stopped"
        self.write()

    async def _end(self, entry: SupervisedComponent) -> None:
        if entry.child is not None:
            began = self._clock.monotonic()
            await entry.child.stop(self._clock)
            took_s = self._clock.monotonic() - began
            if took_s > SLOW_STOP_S:
                self._report(f"{entry.name} took {took_s:.1f} s to stop ({exit_text(entry.child.exit_code() or 0)})")
            self._reaper.forget(entry.child.pid)
            entry.child = None
        entry.retry_at = None
        entry.rss_bytes = 0
        entry.health = ComponentHealth(healthy=False, detail="stopped", answered=False)
        entry.change(ComponentState.STOPPED, self._clock.now())


async def _probe(component: Component) -> ComponentHealth:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            return await component.probe()
    except TimeoutError:
        return ComponentHealth(healthy=False, detail=f"no answer within {PROBE_TIMEOUT_S:.0f} s", answered=False)


def stop_on_signals(stop: asyncio.Event) -> None:
    """SIGINT, SIGTERM and a closed terminal all ask for an orderly stop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
