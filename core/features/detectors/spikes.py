"""Spikes, sweeps, pumps and dumps, on the bar they happen and no later."""

from __future__ import annotations

from core.features.indicators.base import FormulaIndicator, register
from core.rules.frames import NAN, Frame, Value, scale
from core.rules.labels import code_of


@register
class SpikePattern(FormulaIndicator):
    """The last that applies of this list, on this bar alone.

    VOLUME_SPIKE: 3 times the volume of the 20 bars before. PRICE_SPIKE_UP/DOWN: a move of the close over 2.5 average
    ranges of the bar before. LIQUIDITY_SWEEP_LOW/HIGH: the extreme of the 20 bars before is pierced and the bar closes
    back inside, on 1.5 times the volume. PUMP/DUMP: 5 average ranges in 10 bars with triple volume on this one.
    ``pattern_confidence`` (0..100) grows with the volume and the size of the move; ``anomaly_detected`` is a move over
    6 average ranges or a volume over 10 times its average.
    """

    reads = (
        "close",
        "high",
        "low",
        "atr_14",
        "natr",
        "roc_10",
        "volume_ratio",
        "donchian_upper",
        "donchian_lower",
    )
    writes = ("pattern_detected", "pattern_confidence", "anomaly_detected", "move_atr")

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        def code(label: str) -> float:
            return code_of("pattern_detected", label)

        close, ratio = frame["close"], frame["volume_ratio"]
        upper, lower = frame["donchian_upper"], frame["donchian_lower"]
        move = frame.divide(close - frame.prev("close"), frame.prev("atr_14"))
        size = frame.absolute(move)
        run = frame.divide(frame["roc_10"], frame["natr"])
        busy = ratio >= 1.5
        rules = (
            ("VOLUME_SPIKE", ratio >= 3.0),
            ("PRICE_SPIKE_UP", move > 2.5),
            ("PRICE_SPIKE_DOWN", move < -2.5),
            ("LIQUIDITY_SWEEP_LOW", (frame["low"] < lower) & (close > lower) & busy),
            ("LIQUIDITY_SWEEP_HIGH", (frame["high"] > upper) & (close < upper) & busy),
            ("PUMP", (run > 5.0) & (ratio >= 3.0)),
            ("DUMP", (run < -5.0) & (ratio >= 3.0)),
        )
        pattern = frame.constant(code("NONE"))
        for label, applies in rules:
            pattern = frame.where(applies, code(label), pattern)
        known = frame.known(move, ratio, run, upper)
        unknown = frame.constant(NAN)
        sure = 40.0 + 30.0 * scale(frame, ratio, 1.5, 6.0) + 30.0 * scale(frame, size, 1.0, 5.0)
        confidence = frame.where(pattern == code("NONE"), 0.0, sure)
        anomaly = 1.0 * ((size > 6.0) | (ratio > 10.0))
        return (
            frame.where(known, pattern, unknown),
            frame.where(known, confidence, unknown),
            frame.where(known, anomaly, unknown),
            move,
        )
