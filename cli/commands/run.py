"""demo, up, down, restart: starting and stopping the platform."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.data_folder import DataFolder
from cli.demo.options import demo_options
from cli.demo.run import run_demo
from cli.demo.summary_view import show_summary
from cli.exits import ExitCode, missing, misused, not_so
from cli.progress import Progress, parts_table
from cli.run import requests, run_state, services
from cli.run.detached import start_detached
from cli.run.platform import RunPlan, require_program_tree
from cli.session import CommandSession, command
from cli.stack.kafka.brokers import split_address
from cli.stack.twin_fixture import twin_fixture
from shared.src.clocks import SystemClock
from shared.src.config import SERVICES, TradingMode, load_settings

Kafka = Annotated[
    str | None, typer.Option(help="embedded, apache or HOST:PORT [KAFKA_BROKER, or embedded].", metavar="BROKER")
]
UP_TIMEOUT_S = 180.0
RESTART_TIMEOUT_S = 60.0
TWIN_SEED = 7


def register(app: typer.Typer) -> None:
    """Add these commands."""
    command(app, "demo", epilog="Example: roottrading demo --duration 60 --speed 120 --symbols BTCUSDC,ETHUSDC")(demo)
    command(app, "up", epilog="Example: roottrading up --twin && roottrading status")(up)
    command(app, "down", epilog="Example: roottrading down")(down)
    command(app, "restart", epilog="Example: roottrading restart trader")(restart)


def demo(
    session: CommandSession,
    duration: Annotated[float, typer.Option(help="Seconds to trade.")] = 180.0,
    speed: Annotated[float, typer.Option(help="How many times faster than real time the market run_state.")] = 60.0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same market.")] = 7,
    symbols: Annotated[str | None, typer.Option(help="Symbols, comma separated [the platform's 22].")] = None,
    replay: Annotated[Path | None, typer.Option(help="Trade on the candles of this file (SYMBOL-1m-...).")] = None,
    kafka: Kafka = None,
) -> None:
    """Trade against the Binance twin: the whole platform, no key, no money, no internet."""
    require_program_tree()
    settings = load_settings()
    if settings.trading_mode is TradingMode.LIVE:
        raise misused("TRADING_MODE=live: the demo never touches real money", "unset TRADING_MODE for the demo")
    options = demo_options(
        duration=duration,
        speed=speed,
        seed=seed,
        symbols=symbols,
        replay=replay,
        kafka=_broker(kafka),
        default_symbols=settings.trading_symbols,
    )
    clock = SystemClock()
    asyncio.run(_end_database_run(session.data))
    with run_state.exclusive(session.data), Progress(session.err, clock) as progress:
        document = asyncio.run(run_demo(options, session.data, clock, progress))
    session.answer(document, lambda out: show_summary(out, document))
    if not document["ok"]:
        raise typer.Exit(ExitCode.NOT_SO)


def up(
    session: CommandSession,
    twin: Annotated[bool, typer.Option("--twin", help="Trade on the Binance twin instead of Binance.")] = False,
    kafka: Kafka = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait until everything is healthy.")] = UP_TIMEOUT_S,
) -> None:
    """Start the platform in the background and wait until it is healthy."""
    require_program_tree()
    services.adopt_env_file()
    settings = load_settings()
    data, clock = session.data, SystemClock()
    asyncio.run(_end_database_run(data))
    run = run_state.find(data)
    if run is not None:
        session.note(f"already up (process {run.pid})")
    else:
        fixture = _real_time_twin(settings.trading_symbols) if twin else None
        plan = RunPlan(kind="platform", kafka=_broker(kafka), fixture=fixture)
        asyncio.run(start_detached(plan, data, clock, timeout_s=timeout, say=session.note))
    document = run_state.status(data)
    session.answer(document, lambda out: out.print(parts_table(document)))
    if "API_TOKEN" not in os.environ:
        session.note(f"the API token for trading by hand is in {data.token_file}")
    session.conclude(
        ok=run_state.is_healthy(document), why="not everything is healthy", remedy="roottrading logs SERVICE says why"
    )


def _real_time_twin(symbols: tuple[str, ...]) -> dict[str, Any]:
    return twin_fixture(symbols, seed=TWIN_SEED, clock={"mode": "real"}, market={"kind": "synthetic"})


def down(session: CommandSession) -> None:
    """Stop the platform, in order."""
    run = run_state.find(session.data)
    stopped = run is not None
    clean = asyncio.run(run_state.end(session.data, run, SystemClock())) if run is not None else True
    document = {"ok": clean, "stopped": stopped}
    text = "stopped" if stopped else "nothing was running"
    session.answer(document, lambda out: out.print(text))
    session.conclude(ok=clean, why="the supervisor did not stop in time and was killed")


def restart(
    session: CommandSession,
    service: Annotated[str | None, typer.Argument(help="One service; all of them if left out.")] = None,
) -> None:
    """Restart a service, or all of them, and wait until they are healthy."""
    if service is not None and service not in SERVICES:
        raise misused(f"there is no service {service!r}", f"one of {', '.join(SERVICES)}")
    names = [service] if service else list(SERVICES)
    data = session.data
    before = run_state.require(data).document["services"]
    absent = [name for name in names if name not in before]
    if absent:
        raise missing(f"not running: {', '.join(absent)}", "roottrading up")
    for name in names:
        requests.ask_restart(data, name)
    asyncio.run(_until_restarted(data, names, before))
    after = run_state.status(data)["services"]
    session.answer(
        {"services": {name: after[name] for name in names}}, lambda out: out.print(f"restarted: {', '.join(names)}")
    )


async def _until_restarted(data: DataFolder, names: list[str], before: dict[str, dict[str, object]]) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + RESTART_TIMEOUT_S
    while True:
        now = run_state.require(data).document["services"]
        waiting = [name for name in names if not now[name]["healthy"] or now[name]["pid"] == before[name]["pid"]]
        if not waiting:
            return
        if clock.monotonic() > deadline:
            raise not_so(f"not healthy after the restart: {', '.join(waiting)}", f"roottrading logs {waiting[0]}")
        await clock.sleep(0.2)


def _broker(option: str | None) -> str:
    choice = option or os.environ.get("KAFKA_BROKER") or "embedded"
    if choice not in ("embedded", "apache"):
        split_address(choice)
    return choice


async def _end_database_run(data: DataFolder) -> None:
    """A PostgreSQL that ``db url`` started makes room by itself."""
    run = run_state.find(data)
    if run is not None and run.kind == "database":
        await run_state.end(data, run, SystemClock())
