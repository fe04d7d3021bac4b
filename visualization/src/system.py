"""The state of the platform as a person wants to hear it: mode, whether it trades, and what needs attention."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.src.clocks import ScaledClock
from shared.src.config import Settings
from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError
from shared.src.exchange.venue import Venue, venue_of
from visualization.src.ports import Attention, MarketReads, StoppedScope, SystemReads
from visualization.src.views import AlertView, PlatformHealth, SystemView, TradingState

UNPROTECTED_S_MAX = 5


def speed_of(clock: Clock) -> float:
    """How much faster than the wall the market runs."""
    return clock.speed if isinstance(clock, ScaledClock) else 1.0


class SystemStatus:
    """Answers ``/api/system`` and ``/api/system/alerts``."""

    def __init__(self, settings: Settings, clock: Clock, *, market: MarketReads, system: SystemReads) -> None:
        self._settings = settings
        self._clock = clock
        self._market = market
        self._system = system

    async def view(self, health: PlatformHealth) -> SystemView:
        """Everything the head of the dashboard shows; it answers even while the database is away."""
        settings = self._settings
        symbols = list(settings.trading_symbols)
        try:
            symbols = await self._market.traded(symbols)
            trading, alerts = await self._trading(health), await self.alerts(health)
        except TransientError as error:
            trading = TradingState(state="unknown", reason=str(error))
            alerts = [_alert("database", "error", "Database away", str(error)), *health_alerts(health)]
        return SystemView(
            mode=settings.trading_mode.value,
            simulated=venue_of(settings) is Venue.TWIN,
            quote_asset=settings.quote_asset,
            symbols=symbols,
            market_ms=self._clock.now_ms(),
            clock_speed=speed_of(self._clock),
            trading=trading,
            alerts=alerts,
        )

    async def alerts(self, health: PlatformHealth) -> list[AlertView]:
        """What needs a person, the worst first.

        Raises:
            TransientError: the database is away.
        """
        unprotected_for = timedelta(seconds=UNPROTECTED_S_MAX * speed_of(self._clock))
        attention = await self._system.attention(self._clock.now() - unprotected_for)
        stopped = await self._system.pauses(self._clock.now())
        found = [*_count_alerts(attention), *(_pause_alert(each) for each in stopped)]
        alerts = [*health_alerts(health), *found]
        return sorted(alerts, key=lambda alert: ("error", "warning", "info").index(alert["level"]))

    async def _trading(self, health: PlatformHealth) -> TradingState:
        trader = health["services"].get("trader")
        if trader is not None and trader["state"] == "unreachable":
            return TradingState(state="unknown", reason=f"trader: {trader['detail']}")
        stopped = await self._system.pauses(self._clock.now())
        everything = next((each for each in stopped if each.scope == "all"), None)
        if everything is not None:
            return TradingState(state="halted" if everything.halted else "paused", reason=everything.reason)
        if not self._settings.entries_enabled:
            return TradingState(state="paused", reason="TRADING_ENABLED is false: no position is opened")
        return TradingState(state="running", reason="")


def health_alerts(health: PlatformHealth) -> list[AlertView]:
    sick = [service for service in health["services"].values() if not service["healthy"]]
    return [
        _alert(
            f"service:{service['name']}",
            "error",
            f"{service['name'].replace('_', ' ').capitalize()} is {service['state']}",
            service["detail"],
        )
        for service in sick
    ]


def _count_alerts(attention: Attention) -> list[AlertView]:
    kinds: tuple[tuple[str, int, str, str, str], ...] = (
        (
            "unprotected",
            attention.unprotected,
            "error",
            "Position without protection",
            "no stop rests on the exchange for {} position(s)",
        ),
        (
            "unknown_orders",
            attention.unknown_orders,
            "warning",
            "Order state unknown",
            "the exchange is being asked about {} order(s)",
        ),
        (
            "dead_letters",
            attention.dead_letters,
            "warning",
            "Dead letters",
            "{} message(s) broke their contract; see the table dead_letters",
        ),
    )
    return [
        _alert(name, level, title, detail.format(count)) for name, count, level, title, detail in kinds if count > 0
    ]


def _pause_alert(stopped: StoppedScope) -> AlertView:
    what = "Trading" if stopped.scope == "all" else stopped.scope
    state = "halted" if stopped.halted else "paused"
    return _alert(
        f"{'halt' if stopped.halted else 'pause'}:{stopped.scope}",
        "error" if stopped.halted else "info",
        f"{what} is {state}",
        stopped.reason or "no new positions are opened; exits go on",
    )


def _alert(identity: str, level: Any, title: str, detail: str) -> AlertView:
    return AlertView(id=identity, level=level, title=title, detail=detail)
