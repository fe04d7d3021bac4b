"""What the Bollinger and Keltner bands say: position, width, squeeze, expansion, breakout, z-score."""

from __future__ import annotations

from core.features.indicators.base import FormulaIndicator, IndicatorParameters, TalibCall, TalibIndicator, register
from core.rules.frames import Frame, Value
from core.rules.labels import code_of

# under this relative width the price has not moved; position and z-score would divide by rounding noise
FLAT = 1e-9


@register
class BandMeasures(FormulaIndicator):
    """%B = (close - lower) / (upper - lower); bandwidth = (upper - lower) / middle, relative (J. Bollinger).

    ``zscore_20`` = (close - SMA 20) / standard deviation of 20 closes. All three are unknown while the price is flat.
    """

    reads = ("close", "bb_upper", "bb_middle", "bb_lower", "stddev_20")
    writes = ("bb_position", "bb_width", "zscore_20")

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        spread = frame["bb_upper"] - frame["bb_lower"]
        width = spread / frame["bb_middle"]
        moving = width > FLAT
        position = frame.divide(frame["close"] - frame["bb_lower"], spread)
        zscore = frame.divide(frame["close"] - frame["bb_middle"], frame["stddev_20"])
        unknown = frame.constant(float("nan"))
        return frame.where(moving, position, unknown), width, frame.where(moving, zscore, unknown)


@register
class BandwidthRank(TalibIndicator):
    """Share of the previous 100 bars whose bandwidth was lower, 0..100, and the mean bandwidth of 8 bars."""

    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        return (
            TalibCall("PERCENTRANK", ("bb_width",), ("bb_width_percentile",), {"timeperiod": 100}),
            TalibCall("SMA", ("bb_width",), ("bb_width_mean_8",), {"timeperiod": 8}),
        )


@register
class BandState(FormulaIndicator):
    """Squeeze: bandwidth in the lowest 20 % of 100 bars. Expansion: it grows and is above its mean of the 8 bars
    before.

    ``bb_breakout_direction``: the close is outside the band, and so was at least one of the two before, on that side;
    by more than rounding, which puts the bands of a price that stands still on either side of it.
    """

    reads = ("close", "bb_upper", "bb_lower", "bb_width", "bb_width_percentile", "bb_width_mean_8")
    writes = ("bb_squeeze", "bb_expansion", "bb_breakout_direction")
    lookback = 2

    def formula(self, frame: Frame) -> tuple[Value, ...]:
        rank, width, mean = frame["bb_width_percentile"], frame["bb_width"], frame.prev("bb_width_mean_8")
        unknown = frame.constant(float("nan"))
        squeeze = frame.where(frame.known(rank), 1.0 * (rank <= 20), unknown)
        growing = (width > frame.prev("bb_width")) & (width > mean)
        expansion = frame.where(frame.known(mean), 1.0 * growing, unknown)
        closes = [frame.prev("close", age) for age in (0, 1, 2)]
        above = [close - frame.prev("bb_upper", age) > FLAT * close for age, close in enumerate(closes)]
        below = [frame.prev("bb_lower", age) - close > FLAT * close for age, close in enumerate(closes)]
        side = frame.where(
            below[0] & (below[1] | below[2]),
            code_of("bb_breakout_direction", "DOWN"),
            code_of("bb_breakout_direction", "NONE"),
        )
        side = frame.where(above[0] & (above[1] | above[2]), code_of("bb_breakout_direction", "UP"), side)
        return squeeze, expansion, frame.where(frame.known(frame.prev("bb_upper", 2)), side, unknown)
