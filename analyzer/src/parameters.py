"""The parameters of strategies: what they are, what a user may set, and what becomes of a change."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from analyzer.src.ports import Overrides, ParameterStore
from analyzer.src.strategy_loader import LoadedStrategy
from analyzer.strategies.base_strategy import RuleStrategy
from analyzer.strategies.options import Option, resolve
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ConfigurationError, TransientError

logger = logging.getLogger(__name__)

AUTHOR_CHARACTERS_MAX: Final = 60
LOOK_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Parameter:
    """One option of a strategy as it stands. ``source`` is database, environment or default."""

    name: str
    value: float
    default: float
    low: float
    high: float
    source: str
    variable: str


def parameters_of(strategy: LoadedStrategy) -> list[Parameter]:
    """Every option of a strategy; empty for a user's class without options."""
    values = resolve(strategy.name, options_of(strategy), strategy.environment, strategy.overrides)
    inherited = resolve(strategy.name, options_of(strategy), strategy.environment)
    overridden = strategy.overrides or {}
    return [
        Parameter(
            option.name,
            values[option.name],
            option.default,
            option.low,
            option.high,
            _source(option, inherited[option.name], overridden),
            option.variable or f"{strategy.name}_{option.name}".upper(),
        )
        for option in options_of(strategy)
    ]


def _source(option: Option, inherited: float, overridden: Mapping[str, float]) -> str:
    if option.name in overridden:
        return "database"
    return "environment" if inherited != option.default else "default"


def options_of(strategy: LoadedStrategy) -> tuple[Option, ...]:
    """What a user may set."""
    return strategy.cls.options if issubclass(strategy.cls, RuleStrategy) else ()


def merged(
    strategy: LoadedStrategy, before: Mapping[str, float], changes: Mapping[str, float | None]
) -> dict[str, float]:
    """The overrides of a strategy after a change; None gives an option back to the environment and the default.

    Raises:
        ConfigurationError: an option that there is not, or a value out of bounds; nothing was changed.
    """
    unknown = sorted(set(changes) - {option.name for option in options_of(strategy)})
    if unknown:
        known = ", ".join(option.name for option in options_of(strategy)) or "none"
        raise ConfigurationError(f"{strategy.name} has no option {', '.join(unknown)}; its options: {known}")
    after = {name: value for name, value in {**before, **changes}.items() if value is not None}
    resolve(strategy.name, options_of(strategy), strategy.environment, after)
    return after


class ParameterWatch:
    """Brings changes made elsewhere (another process, the command line) to this process's strategies."""

    def __init__(self, store: ParameterStore, apply: Callable[[Overrides], Sequence[str]], clock: Clock) -> None:
        self._store = store
        self._apply = apply
        self._clock = clock
        self._seen = -1

    async def run(self) -> None:
        """Look every second, for as long as the service runs."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Apply what is new. A database that is away is asked again; parameters that do not fit are left out."""
        try:
            version = await self._store.version()
            if version == self._seen:
                return
            changed = self._apply(await self._store.current())
        except TransientError as error:
            logger.warning("parameters not read", extra={"reason": str(error)})
            return
        except ConfigurationError as error:
            logger.error("parameters refused", extra={"reason": str(error)})
            changed = []
        self._seen = version
        if changed:
            logger.info("parameters applied", extra={"strategies": list(changed)})
