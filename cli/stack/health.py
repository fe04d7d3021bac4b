"""What a component of the platform says about itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """``answered`` is False when nothing came back at all: the process hangs or does not listen yet."""

    healthy: bool
    detail: str = ""
    answered: bool = True


async def http_health(client: httpx.AsyncClient, url: str, *, service: str) -> ComponentHealth:
    """Ask a service's ``/health``: 200 is healthy, anything else says why not. Another's answer does not count."""
    try:
        answer = await client.get(url)
    except httpx.TransportError as error:
        return ComponentHealth(healthy=False, detail=f"no answer: {type(error).__name__}", answered=False)
    body = _body(answer)
    name = body.get("service", service)
    if name != service:
        return ComponentHealth(healthy=False, detail=f"something else answers on its port: {name}", answered=False)
    if answer.status_code == httpx.codes.OK:
        return ComponentHealth(healthy=True)
    return ComponentHealth(healthy=False, detail=_reason(answer, body))


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _reason(answer: httpx.Response, body: dict[str, Any]) -> str:
    """The dependencies that are not well, from the body that every service's ``/health`` sends."""
    dependencies = body.get("dependencies")
    if not isinstance(dependencies, dict):
        return f"HTTP {answer.status_code}"
    bad = [f"{name}: {found.get('detail', 'down')}" for name, found in dependencies.items() if not found.get("ok")]
    return "; ".join(bad) or f"HTTP {answer.status_code}"


async def tcp_health(host: str, port: int, *, timeout: float = 2.0) -> ComponentHealth:
    """Whether something listens."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), timeout)
    except (OSError, TimeoutError) as error:
        return ComponentHealth(
            healthy=False, detail=f"{host}:{port} does not answer ({type(error).__name__})", answered=False
        )
    writer.close()
    return ComponentHealth(healthy=True)
