"""Health that tells the truth: every dependency is asked, every task must be alive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from shared.src.domain.errors import RootTradingError
from shared.src.frame import metrics

PROBE_TIMEOUT_S = 2.5
CACHE_S = 0.5

Probe = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class ProbeResult:
    ok: bool
    detail: str
    latency_ms: float


class Health:
    """Asks the dependencies; a result is reused for half a second, so that polling costs nothing."""

    def __init__(self, service: str, mode: str) -> None:
        self._service = service
        self._mode = mode
        self._probes: dict[str, Probe] = {}
        self._started = time.monotonic()
        self._cached: tuple[float, dict[str, ProbeResult]] | None = None
        self._lock = asyncio.Lock()

    def add(self, name: str, probe: Probe) -> None:
        """Register a dependency: ``probe`` returns a detail, or raises what is wrong."""
        self._probes[name] = probe

    async def report(self) -> dict[str, Any]:
        """Status ``healthy`` only when every dependency is."""
        results = await self._results()
        return {
            "status": "healthy" if all(result.ok for result in results.values()) else "unhealthy",
            "service": self._service,
            "mode": self._mode,
            "uptime_s": round(time.monotonic() - self._started, 1),
            "dependencies": {
                name: {"ok": result.ok, "detail": result.detail, "latency_ms": result.latency_ms}
                for name, result in results.items()
            },
        }

    async def _results(self) -> dict[str, ProbeResult]:
        async with self._lock:
            if self._cached and time.monotonic() - self._cached[0] < CACHE_S:
                return self._cached[1]
            answers = await asyncio.gather(*(self._ask(name, probe) for name, probe in self._probes.items()))
            results = dict(zip(self._probes, answers, strict=True))
            self._cached = (time.monotonic(), results)
            return results

    async def _ask(self, name: str, probe: Probe) -> ProbeResult:
        started = time.monotonic()
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                detail, ok = await probe(), True
        except TimeoutError:
            detail, ok = f"no answer within {PROBE_TIMEOUT_S} s", False
        except RootTradingError as error:
            detail, ok = str(error), False
        metrics.HEALTHY.labels(name).set(1 if ok else 0)
        return ProbeResult(ok, detail, round((time.monotonic() - started) * 1000, 2))
