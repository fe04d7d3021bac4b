"""What stops entries, as a person sees it, and the call that stops everything."""

from __future__ import annotations

from typing import Any

from core.risk.halts import Pause
from shared.src.domain.plain import plain
from shared.src.frame.auth import Authorizer, Principal
from trader.src.api.models import PanicRequest
from trader.src.service import TraderService


class HaltControl:
    """Raises what ``TraderControl`` does."""

    def __init__(self, trader: TraderService, auth: Authorizer) -> None:
        self._trader = trader
        self._auth = auth

    async def status(self) -> dict[str, Any]:
        """Whether positions are opened: running, paused or halted, with every reason."""
        pauses = await self._trader.store.pauses()
        halts = [pause for pause in pauses if pause.is_halt]
        settings = self._trader.settings
        by_hand = len(pauses) > len(halts) or not settings.entries_enabled
        answer: dict[str, Any] = plain(
            {
                "time": self._trader.clock.now(),
                "mode": settings.trading_mode.value,
                "entries_enabled": settings.entries_enabled,
                "state": "halted" if halts else "paused" if by_hand else "running",
                "halts": [shown(pause) for pause in halts],
                "pauses": [shown(pause) for pause in pauses if not pause.is_halt],
                "losses": self._losses(),
                "fees": {
                    symbol: {"maker": fees.maker, "taker": fees.taker}
                    for symbol, fees in sorted(self._trader.fees.fees.items())
                },
                "fee_discounts": self._trader.fees.discounts,
                "large_positions": {coin: round(share, 2) for coin, share in self._trader.risk.large.items()},
            }
        )
        return answer

    def _losses(self) -> dict[str, Any]:
        """What was lost today and from the peak, with the limits; amounts in the asset of valuation."""
        losses, settings = self._trader.risk.losses, self._trader.settings
        return {
            "quote_asset": settings.quote_asset,
            "day_result": losses.day_result,
            "day_percent": losses.day_percent,
            "drawdown_percent": losses.drawdown_percent,
            "unknown": losses.unknown,
            "unpriced_positions": list(self._trader.risk.unpriced),
            "max_daily_loss": settings.max_daily_loss,
            "max_daily_loss_percent": settings.max_daily_loss_percent,
            "max_drawdown_percent": settings.max_drawdown_percent,
        }

    async def panic(self, principal: Principal, request: PanicRequest) -> dict[str, Any]:
        """Everything out, nothing in; answers how far it is."""
        await self._auth.record(principal, "panic", {"reason": request.reason})
        await self._trader.panic.begin(request.reason)
        return await self.progress()

    async def progress(self) -> dict[str, Any]:
        """How far a panic is; done when every position is flat and no entry rests."""
        progress = await self._trader.panic.progress()
        answer: dict[str, Any] = plain(
            {
                "panic": progress.halt is not None,
                "reason": progress.halt.reason if progress.halt else "",
                "since": progress.halt.since if progress.halt else None,
                "positions_open": progress.positions,
                "entries_open": progress.entries,
                "done": progress.is_done,
            }
        )
        return answer


def shown(pause: Pause) -> dict[str, Any]:
    """A pause or halt as the API tells it."""
    return {
        "scope": pause.scope,
        "cause": pause.cause.value,
        "halt": pause.is_halt,
        "reason": pause.reason,
        "since": pause.since,
        "until": pause.until,
    }
