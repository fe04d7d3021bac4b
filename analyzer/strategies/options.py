"""The parameters of a strategy: named, bounded, from the environment or the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.src.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Option:
    """One number a user may set, with its default and its bounds (both allowed).

    ``variable`` is a documented environment variable; ``<STRATEGY>_<OPTION>`` always works as well and wins.
    """

    name: str
    default: float
    low: float
    high: float
    variable: str = ""


def resolve(
    strategy: str,
    options: tuple[Option, ...],
    environment: Mapping[str, str],
    overrides: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """The value of each option: database override, then the strategy's own variable, the documented one, the default.

    Raises:
        ConfigurationError: a value is not a number, is out of bounds, or an override names no option.
    """
    given = dict(overrides or {})
    unknown = sorted(set(given) - {option.name for option in options})
    if unknown:
        raise ConfigurationError(f"{strategy} has no option {', '.join(unknown)}")
    return {
        option.name: _bounded(strategy, option, given.get(option.name, _from(strategy, option, environment)))
        for option in options
    }


def _from(strategy: str, option: Option, environment: Mapping[str, str]) -> float | str:
    own = f"{strategy}_{option.name}".upper()
    return environment.get(own) or environment.get(option.variable) or option.default


def _bounded(strategy: str, option: Option, raw: float | str) -> float:
    try:
        value = float(raw)
    except ValueError as error:
        raise ConfigurationError(f"{strategy}: {option.name} must be a number, not {raw!r}") from error
    if not option.low <= value <= option.high:
        raise ConfigurationError(
            f"{strategy}: {option.name} must be between {option.low:g} and {option.high:g}, not {raw}"
        )
    return value
