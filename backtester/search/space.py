"""What a search may choose: named parameters with bounds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from shared.src.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Dimension:
    """One parameter, from ``low`` to ``high`` inclusive. ``step`` None: any value between; 1: whole numbers."""

    name: str
    low: float
    high: float
    step: float | None = None

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ConfigurationError(f"{self.name}: from {self.low:g} to {self.high:g} is no range")
        if self.step is not None and self.step <= 0:
            raise ConfigurationError(f"{self.name}: a step of {self.step:g} goes nowhere")

    @property
    def distribution(self) -> BaseDistribution:
        is_whole = self.step is not None and all(
            float(value).is_integer() for value in (self.low, self.high, self.step)
        )
        if is_whole:
            return IntDistribution(int(self.low), int(self.high), step=int(self.step or 1))
        return FloatDistribution(self.low, self.high, step=self.step)


@dataclass(frozen=True, slots=True)
class Space:
    """All dimensions of a search."""

    dimensions: tuple[Dimension, ...]

    def __post_init__(self) -> None:
        names = [dimension.name for dimension in self.dimensions]
        if not names:
            raise ConfigurationError("there is nothing to search: no parameter is named")
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ConfigurationError(f"named twice: {', '.join(sorted(twice))}")

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        return {dimension.name: dimension.distribution for dimension in self.dimensions}

    def sha256(self) -> str:
        """What is searched; a search that goes on must be the same one."""
        return hashlib.sha256(repr(self.dimensions).encode()).hexdigest()


def seed_of(*parts: object) -> int:
    """A seed that is the same in every process: of these parts, 32 bits."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")
