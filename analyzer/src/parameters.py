"""The parameters of strategies: what they are, what a user may set, and what was set, when and by whom.

Invariant: a row of ``strategy_parameters`` was within the bounds of its strategy when it was written. The newest row of
a strategy counts; it holds only what differs from the environment and the defaults.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import text

from analyzer.src.strategy_loader import LoadedStrategy
from analyzer.strategies.base_strategy import RuleStrategy
from analyzer.strategies.options import Option, resolve
from shared.src.database import Database
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ConfigurationError, TransientError

logger = logging.getLogger(__name__)

Overrides = dict[str, dict[str, float]]
AUTHOR_CHARACTERS_MAX: Final = 60
LOOK_EVERY_S: Final = 1.0

NEWEST = text("SELECT DISTINCT ON (strategy) strategy, parameters FROM strategy_parameters ORDER BY strategy, id DESC")
VERSION = text("SELECT coalesce(max(id), 0) FROM strategy_parameters")
# one writer at a time, so that two changes of different options both count
LOCK = text("SELECT pg_advisory_xact_lock(hashtext('strategy_parameters:' || :strategy))")
OF_ONE = text("SELECT parameters FROM strategy_parameters WHERE strategy = :strategy ORDER BY id DESC LIMIT 1")
INSERT = text(
    "INSERT INTO strategy_parameters (strategy, parameters, author)"
    " VALUES (:strategy, CAST(:parameters AS jsonb), :author)"
)
HISTORY = text(
    "SELECT parameters, author, changed_at FROM strategy_parameters WHERE strategy = :strategy"
    " ORDER BY id DESC LIMIT :limit"
)


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


class ParameterStore:
    """Reads and writes ``strategy_parameters``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def current(self) -> Overrides:
        """The overrides of every strategy that has some."""
        async with self._database.begin() as connection:
            rows = await connection.execute(NEWEST)
            return {row.strategy: dict(row.parameters) for row in rows if row.parameters}

    async def version(self) -> int:
        """A number that grows with every change."""
        async with self._database.begin() as connection:
            return int((await connection.execute(VERSION)).scalar_one())

    async def change(
        self, strategy: LoadedStrategy, changes: Mapping[str, float | None], *, author: str
    ) -> dict[str, float]:
        """Write a change down; answers the overrides that hold from now on.

        Raises:
            ConfigurationError: see ``merged``.
        """
        async with self._database.begin() as connection:
            await connection.execute(LOCK, {"strategy": strategy.name})
            before = (await connection.execute(OF_ONE, {"strategy": strategy.name})).scalar_one_or_none() or {}
            after = merged(strategy, before, changes)
            row = {"strategy": strategy.name, "parameters": orjson.dumps(after).decode()}
            await connection.execute(INSERT, row | {"author": author[:AUTHOR_CHARACTERS_MAX]})
        return after

    async def history(self, strategy: str, limit: int = 20) -> Sequence[dict[str, Any]]:
        """The last changes, newest first."""
        async with self._database.begin() as connection:
            rows = await connection.execute(HISTORY, {"strategy": strategy, "limit": limit})
            return [dict(row) for row in rows.mappings()]


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
