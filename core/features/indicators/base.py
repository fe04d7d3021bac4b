"""What an indicator is: columns in, columns out, over a whole history and one closed bar at a time.

Three kinds: ``TalibIndicator`` names TA-Lib functions, ``FormulaIndicator`` is arithmetic on other features,
``Kernel`` keeps a state of its own. Invariant: ``fill`` over n bars leaves the indicator in the state that n single
bars would, and both write the same numbers. Unknown is NaN, never 0. An indicator is one class; ``register`` makes it
part of the engine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import talib
from talib import abstract, stream

from core.rules.frames import NAN, Column, ColumnFrame, Frame, Value

Columns = Mapping[str, Column]


class WindowSettings(Protocol):
    """Where a user's windows are read from (``shared.src.config.Settings`` has them)."""

    @property
    def rsi_window(self) -> int: ...
    @property
    def short_window(self) -> int: ...
    @property
    def long_window(self) -> int: ...
    @property
    def bb_window(self) -> int: ...
    @property
    def bb_std(self) -> float: ...


@dataclass(frozen=True, slots=True)
class IndicatorParameters:
    """Windows a user may choose; everything else has the fixed period its column is named after."""

    rsi_window: int = 14
    short_window: int = 5
    long_window: int = 20
    bb_window: int = 20
    bb_std: float = 2.0

    def __post_init__(self) -> None:
        for name in ("rsi_window", "short_window", "long_window", "bb_window"):
            if not 2 <= getattr(self, name) <= 500:
                raise ValueError(f"{name.upper()} must be between 2 and 500, not {getattr(self, name)}")
        if self.short_window >= self.long_window:
            raise ValueError(f"SHORT_WINDOW {self.short_window} must be under LONG_WINDOW {self.long_window}")
        if not 0.1 <= self.bb_std <= 10:
            raise ValueError(f"BB_STD must be between 0.1 and 10, not {self.bb_std}")

    @classmethod
    def of(cls, settings: WindowSettings) -> IndicatorParameters:
        """The user's windows."""
        return cls(
            rsi_window=settings.rsi_window,
            short_window=settings.short_window,
            long_window=settings.long_window,
            bb_window=settings.bb_window,
            bb_std=settings.bb_std,
        )


class Indicator(ABC):
    """Base of all indicators. ``reads`` and ``writes`` let the engine order them."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    def __init__(self, parameters: IndicatorParameters) -> None:
        self.parameters = parameters

    @abstractmethod
    def fill(self, columns: Columns, length: int) -> dict[str, Column]:
        """Compute every output over the whole history and keep the state after its last bar."""


class Kernel(Indicator):
    """An indicator that keeps what it needs of earlier bars itself."""

    @abstractmethod
    def update(self, *values: Any, **none: Any) -> tuple[float, ...]:
        """The outputs of the bar that has just closed, in the order of ``writes``; it is called with its ``reads``."""


_REGISTRY: list[type[Indicator]] = []
T = TypeVar("T", bound=type[Indicator])


def register(indicator: T) -> T:
    """Class decorator: the engine computes this indicator."""
    _REGISTRY.append(indicator)
    return indicator


def registered() -> tuple[type[Indicator], ...]:
    """Every registered indicator class."""
    return tuple(_REGISTRY)


@dataclass(slots=True)
class TalibCall:
    """One TA-Lib function: its inputs, its outputs (``None`` drops one) and its parameters.

    ``still``: where no price moved for so many bars it divides nothing by nothing, for which TA-Lib answers 0; there
    a 0 is unknown. 0 for a function to which that does not happen.
    """

    function: str
    reads: tuple[str, ...]
    writes: tuple[str | None, ...]
    parameters: dict[str, Any] = field(default_factory=dict)
    still: int = 0


class Stillness:
    """For how many bars no price has moved, the newest included; of a bar whose own prices differ, 0."""

    __slots__ = ("_bars", "_last")

    def __init__(self) -> None:
        self._last, self._bars = NAN, 0

    def fill(self, prices: Sequence[Column]) -> Column:
        """The count at every bar of a history."""
        own = np.ones(len(prices[0]), dtype=bool)
        for column in prices[1:]:
            own &= column == prices[0]
        goes_on = own.copy()
        goes_on[:1] = False
        goes_on[1:] &= own[:-1] & (prices[0][1:] == prices[0][:-1])
        places = np.arange(len(own))
        begins = np.maximum.accumulate(np.where(goes_on, 0, places)) if len(own) else places
        bars = np.where(own, places - begins + 1, 0)
        if len(own):
            self._last, self._bars = float(prices[0][-1]), int(bars[-1])
        return bars

    def update(self, prices: Sequence[float]) -> int:
        """The count at the bar that has just closed."""
        first = prices[0]
        if any(price != first for price in prices):
            self._bars = 0
        else:
            self._bars = self._bars + 1 if first == self._last and self._bars else 1
        self._last = first
        return self._bars


class StreamHandle:
    """A TA-Lib stream that opens itself once its history is long enough."""

    __slots__ = (
        *("_call", "_need", "_opener", "_pending", "_prices", "_stillness", "_update"),
        *("names", "reads", "returns_integers"),
    )

    def __init__(self, call: TalibCall) -> None:
        self._call = call
        self._opener = getattr(stream, call.function)
        self._need = lookback(call) + 1
        self._pending: tuple[list[float], ...] = tuple([] for _ in call.reads)
        self._update: Callable[..., Any] | None = None
        self._stillness = Stillness() if call.still else None
        self._prices = sum(name != "volume" for name in call.reads)
        self.names = call.writes
        self.reads = call.reads
        self.returns_integers = returns_integers(call.function, len(call.reads))

    @property
    def is_open(self) -> bool:
        """Whether it has seen enough bars to give values."""
        return self._update is not None

    @property
    def update(self) -> Callable[..., Any]:
        """One bar in, the outputs out: TA-Lib's own function once the stream is open, NaN until then."""
        if self._stillness is not None:
            return self._watched
        return self._update or self._collect

    def _watched(self, *values: float) -> Any:
        """One bar of a function that says 0 where nothing moved."""
        assert self._stillness is not None
        outputs = (self._update or self._collect)(*values)
        if self._stillness.update(values[: self._prices]) < self._call.still:
            return outputs
        if isinstance(outputs, tuple):
            return tuple(NAN if output == 0 else output for output in outputs)
        return NAN if outputs == 0 else outputs

    def fill(self, columns: Columns, length: int) -> tuple[Column, ...]:
        """The outputs over a whole history; the stream stands after its last bar."""
        inputs = [np.ascontiguousarray(columns[name], dtype=np.float64) for name in self.reads]
        still = np.zeros(length, dtype=bool)
        if self._stillness is not None:
            still = self._stillness.fill(inputs[: self._prices]) >= self._call.still
        known = np.ones(length, dtype=bool)
        for column in inputs:
            known &= ~np.isnan(column)
        begin = int(np.argmax(known)) if known.any() else length
        self._pending = tuple([] for _ in inputs)
        self._update = None
        if length - begin < self._need:
            self._pending = tuple(column[begin:].tolist() for column in inputs)
            return tuple(np.full(length, np.nan) for _ in self.names)
        handle, outputs = self._opener.open_and_fill(*(column[begin:] for column in inputs), **self._call.parameters)
        self._update = handle.update
        several = outputs if isinstance(outputs, tuple) else (outputs,)
        columns_out = tuple(self._at(output, begin, length) for output in several)
        for column in columns_out:
            column[still & (column == 0)] = np.nan
        return columns_out

    def _at(self, output: Any, begin: int, length: int) -> Column:
        column = np.full(length, np.nan)
        column[begin:] = output
        # integer outputs have no NaN: TA-Lib leaves zeros before the first value
        column[: begin + self._need - 1] = np.nan
        return column

    def _collect(self, *values: float) -> Any:
        unknown = NAN if len(self.names) == 1 else (NAN,) * len(self.names)
        if not self._pending[0] and any(value != value for value in values):
            return unknown
        for pending, value in zip(self._pending, values, strict=True):
            pending.append(value)
        if len(self._pending[0]) < self._need:
            return unknown
        handle = self._opener(*(np.array(pending) for pending in self._pending), **self._call.parameters)
        self._update = handle.update
        self._pending = tuple([] for _ in self._pending)
        return handle.value


def lookback(call: TalibCall) -> int:
    """How many bars come before the first value of a TA-Lib function."""
    function: Any = abstract.Function(call.function)  # type: ignore[attr-defined]
    function.parameters = call.parameters
    return int(function.lookback)


@cache
def returns_integers(function: str, inputs: int) -> bool:
    """Whether one of a TA-Lib function's outputs is an integer; a row holds floats."""
    outputs = getattr(talib, function)(*(np.ones(2) for _ in range(inputs)))
    several = outputs if isinstance(outputs, tuple) else (outputs,)
    return any(output.dtype.kind == "i" for output in several)


class TalibIndicator(Indicator):
    """An indicator that TA-Lib computes: its calls, and nothing else."""

    def __init__(self, parameters: IndicatorParameters) -> None:
        super().__init__(parameters)
        self.handles = [StreamHandle(call) for call in self.calls(parameters)]
        self.keep_only(None)

    def keep_only(self, needed: frozenset[str] | set[str] | None) -> None:
        """Forget the functions that write none of the columns needed; None needs all."""
        if needed is not None:
            self.handles = [handle for handle in self.handles if needed.intersection(handle.names)]
        self.reads = tuple(dict.fromkeys(name for handle in self.handles for name in handle.reads))
        self.writes = tuple(name for handle in self.handles for name in handle.names if name is not None)

    @abstractmethod
    def calls(self, parameters: IndicatorParameters) -> tuple[TalibCall, ...]:
        """The TA-Lib functions to run."""

    def fill(self, columns: Columns, length: int) -> dict[str, Column]:
        result: dict[str, Column] = {}
        for handle in self.handles:
            outputs = handle.fill({**columns, **result}, length)
            result |= {n: o for n, o in zip(handle.names, outputs, strict=True) if n is not None}
        return result


class FormulaIndicator(Indicator):
    """An indicator that is arithmetic on other columns of this bar and the few before it, written once."""

    # how many earlier bars ``formula`` looks at
    lookback: ClassVar[int] = 1

    @abstractmethod
    def formula(self, frame: Frame) -> tuple[Value, ...]:
        """The outputs, in the order of ``writes``. Use only operators and the functions of the frame."""

    def fill(self, columns: Columns, length: int) -> dict[str, Column]:
        frame = ColumnFrame(columns, length=length)
        with np.errstate(all="ignore"):
            outputs = self.formula(frame)
        return {
            name: np.broadcast_to(np.asarray(output, dtype=np.float64), (length,))
            for name, output in zip(self.writes, outputs, strict=True)
        }
