"""A supervised component: what runs, how it does, when it may be started again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from cli.process.child import Child, memory_of
from cli.process.ports import HOST
from cli.stack.component import Component
from cli.stack.health import ComponentHealth
from shared.src.retry import Backoff

RESTART = Backoff(first_s=0.5, max_s=30.0)
STABLE_AFTER_S = 60.0


class ComponentState(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    UNHEALTHY = "unhealthy"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(slots=True)
class SupervisedComponent:
    """One component and its present process. ``restarts`` counts starts after the first, whatever the reason."""

    component: Component
    is_service: bool
    since: datetime
    child: Child | None = None
    state: ComponentState = ComponentState.STARTING
    health: ComponentHealth = field(
        default_factory=lambda: ComponentHealth(healthy=False, detail="starting", answered=False)
    )
    restarts: int = 0
    crashes_in_a_row: int = 0
    last_exit: int | None = None
    retry_at: float | None = None
    first_silence: float | None = None
    was_healthy: bool = False
    rss_bytes: int = 0

    @property
    def name(self) -> str:
        return self.component.name

    def backoff_s(self) -> float:
        """How long to wait before the next start: doubling, bounded."""
        return RESTART.after(self.crashes_in_a_row)

    def crashed(self, *, exit_code: int, now: float, at: datetime) -> None:
        """Note an exit nobody asked for, and when to try again."""
        ran_s = now - self.child.started if self.child else 0.0
        self.crashes_in_a_row = 1 if ran_s > STABLE_AFTER_S else self.crashes_in_a_row + 1
        self.last_exit = exit_code
        self.child = None
        self.retry_at = now + self.backoff_s()
        self.change(ComponentState.RESTARTING, at)
        self.health = ComponentHealth(healthy=False, detail=exit_text(exit_code), answered=False)
        self.rss_bytes = 0

    def observe(self, health: ComponentHealth, *, now: float, at: datetime) -> None:
        """Note what a probe said."""
        self.health = health
        self.rss_bytes = memory_of(self.child.pid) if self.child else 0
        if health.healthy:
            self.was_healthy = True
            self.change(ComponentState.RUNNING, at)
        elif self.state is ComponentState.RUNNING:
            self.change(ComponentState.UNHEALTHY, at)
        if health.answered:
            self.first_silence = None
        elif self.first_silence is None:
            self.first_silence = now

    def change(self, state: ComponentState, at: datetime) -> None:
        if state is not self.state:
            self.state, self.since = state, at

    def describe(self) -> dict[str, Any]:
        """This component in the form of the status document."""
        port = self.component.port
        return {
            "pid": self.child.pid if self.child else None,
            "port": port,
            "url": f"http://{HOST}:{port}" if self.is_service and port else None,
            "state": self.state.value,
            "healthy": self.health.healthy,
            "since": self.since.isoformat(timespec="seconds"),
            "restarts": self.restarts,
            "rss_bytes": self.rss_bytes,
            "detail": self.health.detail,
        }


def exit_text(code: int) -> str:
    """An exit code in words."""
    return f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
