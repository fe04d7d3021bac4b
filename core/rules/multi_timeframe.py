"""How the timeframes above a bar stand to it."""

from __future__ import annotations

from typing import Final

from core.rules.frames import NAN, Frame, Value

# the timeframes a decision looks up to, nearest first
HIGHER_TIMEFRAMES: Final[dict[str, tuple[str, ...]]] = {
    "1m": ("5m", "15m"),
    "3m": ("15m", "1h"),
    "5m": ("15m", "1h"),
    "15m": ("1h", "4h"),
    "1h": ("4h", "1d"),
    "4h": ("1d",),
    "1d": (),
}
TREND_FEATURES: Final = ("close", "ema_12", "ema_26", "ema_50")


def trend_of(frame: Frame) -> Value:
    """1 when EMA 12 is over EMA 26 and the close over EMA 50, -1 when both are under, else 0; NaN while unknown."""
    fast, slow, long, close = frame["ema_12"], frame["ema_26"], frame["ema_50"], frame["close"]
    trend = frame.where((fast > slow) & (close > long), 1.0, frame.constant(0.0))
    trend = frame.where((fast < slow) & (close < long), -1.0, trend)
    return frame.where(frame.known(fast, slow, long, close), trend, frame.constant(NAN))


def higher_trends(frame: Frame) -> tuple[Value, ...]:
    """The trend of each timeframe above this one, nearest first."""
    return tuple(trend_of(frame.higher(name)) for name in HIGHER_TIMEFRAMES.get(frame.timeframe, ()))
