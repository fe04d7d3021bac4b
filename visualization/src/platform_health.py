"""The health of all nine services at once: each is asked at the same time, none may hold up the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx

from shared.src.config import SERVICES, Settings
from shared.src.domain.clock import Clock
from shared.src.http_calls import failure_of
from shared.src.single_flight import SharedCache
from visualization.src.views import PlatformHealth, ServiceView

TIMEOUT_S = 3.0
CACHE_S = 1.0

Report = Callable[[], Awaitable[dict[str, Any]]]


class PlatformHealthMonitor:
    """Asks ``/health`` of every service; an answer serves all who ask within a second."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient, clock: Clock, own_report: Report) -> None:
        self._urls = {name: settings.url_of(name) for name in SERVICES}
        self._client = client
        self._clock = clock
        self._own_report = own_report
        self._cache = SharedCache(clock, CACHE_S)

    async def check(self) -> PlatformHealth:
        """The state of the platform now: degraded when some services are unhealthy, unhealthy when all others are."""
        return await self._cache.get("health", self._check)

    async def _check(self) -> PlatformHealth:
        views = await asyncio.gather(*(self._ask(name, url) for name, url in self._urls.items()))
        return summary(list(views), self._clock.now().isoformat())

    async def _ask(self, name: str, url: str) -> ServiceView:
        if name == "visualization":
            return service_view(name, url, await self._own_report(), None)
        started = self._clock.monotonic()
        try:
            response = await self._client.get(f"{url}/health", timeout=TIMEOUT_S)
            report = response.json()
        except httpx.TimeoutException:
            return _silent(name, url, f"no answer within {TIMEOUT_S:g} s")
        except httpx.HTTPError as error:
            return _silent(name, url, failure_of(error))
        except ValueError:
            return _silent(name, url, "the answer is not JSON")
        latency_ms = round((self._clock.monotonic() - started) * 1000, 2)
        return service_view(name, url, report if isinstance(report, dict) else {}, latency_ms)


def service_view(name: str, url: str, report: Mapping[str, Any], latency_ms: float | None) -> ServiceView:
    """What a service says about itself, in short."""
    state = str(report.get("status", "unknown"))
    dependencies = report.get("dependencies")
    entries = dependencies if isinstance(dependencies, dict) else {}
    broken = [f"{key}: {_detail(value)}" for key, value in entries.items() if not _is_ok(value)]
    return ServiceView(
        name=name,
        healthy=state == "healthy",
        state=state,
        url=url,
        latency_ms=latency_ms,
        detail="; ".join(broken),
        dependencies={str(key): _is_ok(value) for key, value in entries.items()},
    )


def summary(services: list[ServiceView], checked_at: str) -> PlatformHealth:
    """All services in one status; this service's own word does not make a platform."""
    others = [service for service in services if service["name"] != "visualization"]
    if all(service["healthy"] for service in services):
        return PlatformHealth(status="healthy", services=_by_name(services), checked_at=checked_at)
    any_lives = any(service["healthy"] for service in others)
    return PlatformHealth(
        status="degraded" if any_lives else "unhealthy", services=_by_name(services), checked_at=checked_at
    )


def _by_name(services: list[ServiceView]) -> dict[str, ServiceView]:
    return {service["name"]: service for service in services}


def _silent(name: str, url: str, detail: str) -> ServiceView:
    return ServiceView(
        name=name, healthy=False, state="unreachable", url=url, latency_ms=None, detail=detail, dependencies={}
    )


def _is_ok(value: object) -> bool:
    return value.get("ok") is True if isinstance(value, dict) else value is True


def _detail(value: object) -> str:
    return str(value.get("detail", "")) if isinstance(value, dict) else str(value)
