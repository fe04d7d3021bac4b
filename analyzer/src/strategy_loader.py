"""Finds every strategy class in the strategy folders; a broken file is named and refused, the others load.

A user's folder comes after the built-in one; a strategy of the same name replaces the earlier one.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from zlib import crc32

from analyzer.strategies.base_strategy import BaseStrategy, RuleStrategy
from shared.src.domain.errors import ConfigurationError

# modules of other folders get a name inside this package, so that ``from .base_strategy import`` works there too
PACKAGE = "analyzer.strategies"
BUILT_IN = Path(__file__).resolve().parents[1] / "strategies"


@dataclass(frozen=True, slots=True)
class LoadedStrategy:
    """A strategy class that imported and could be made; ``create`` makes one instance per symbol and timeframe."""

    name: str
    family: str
    source: Path
    cls: type[BaseStrategy]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    overrides: Mapping[str, float] | None = None

    def create(self) -> BaseStrategy:
        """A fresh instance. A user's class is made without arguments, as its author wrote it."""
        if issubclass(self.cls, RuleStrategy):
            return self.cls(self.environment, self.overrides)
        return self.cls()


@dataclass(frozen=True, slots=True)
class RefusedStrategy:
    """A file (or one class of it) that does not load, and why."""

    source: Path
    error: str


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What loaded, in the order of names, and what was refused."""

    loaded: tuple[LoadedStrategy, ...]
    refused: tuple[RefusedStrategy, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(strategy.name for strategy in self.loaded)


class StrategyLoader:
    """Loads strategy files.

    Args:
        directories: folders to search, the built-in one first.
        environment: variables the options of rule strategies are read from.
        overrides: options by strategy name, from the database.
        only: names to keep; all when empty.
        bound: names that EXIT_LEVELS_BY_STRATEGY has a rule for.
    """

    def __init__(
        self,
        directories: Sequence[Path] = (BUILT_IN,),
        *,
        environment: Mapping[str, str] | None = None,
        overrides: Mapping[str, Mapping[str, float]] | None = None,
        only: Iterable[str] = (),
        bound: Iterable[str] = (),
    ) -> None:
        self._directories = directories
        self._environment = environment or {}
        self._overrides = overrides or {}
        self._only = frozenset(only)
        self._bound = frozenset(bound)

    def load(self) -> LoadReport:
        """Import every file of the folders.

        Raises:
            ConfigurationError: a folder does not exist, or ``only`` or ``bound`` names a strategy that did not load.
        """
        loaded: dict[str, LoadedStrategy] = {}
        refused: list[RefusedStrategy] = []
        for directory in self._directories:
            if not directory.is_dir():
                raise ConfigurationError(f"strategy folder {directory} does not exist")
            for path in sorted(directory.glob("*.py")):
                if path.name != "__init__.py":
                    for outcome in self.load_file(path):
                        if isinstance(outcome, RefusedStrategy):
                            refused.append(outcome)
                        else:
                            loaded[outcome.name] = outcome
        for variable, names in (("STRATEGIES", self._only), ("EXIT_LEVELS_BY_STRATEGY", self._bound)):
            if missing := ", ".join(sorted(names - set(loaded))):
                known = ", ".join(sorted(loaded))
                raise ConfigurationError(f"{variable} names {missing}, which did not load; there are {known}")
        chosen = [loaded[name] for name in sorted(loaded) if not self._only or name in self._only]
        return LoadReport(tuple(chosen), tuple(refused))

    def load_file(self, path: Path) -> list[LoadedStrategy | RefusedStrategy]:
        """The strategies of one file; empty when it defines none."""
        try:
            module = _import(path)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's file must not stop the others
            return [RefusedStrategy(path, f"{type(error).__name__}: {error}")]
        return [self._make(cls, path) for cls in _strategies_of(module)]

    def _make(self, cls: type[BaseStrategy], path: Path) -> LoadedStrategy | RefusedStrategy:
        try:
            title = cls.title if issubclass(cls, RuleStrategy) else ""
            overrides = self._overrides.get(title)
            candidate = LoadedStrategy(title, cls.family, path, cls, self._environment, overrides)
            name = candidate.create().name
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's constructor may raise anything
            return RefusedStrategy(path, f"{cls.__name__}: {type(error).__name__}: {error}")
        if not isinstance(name, str) or not name:
            return RefusedStrategy(path, f"{cls.__name__}: name must be a text, not {name!r}")
        return LoadedStrategy(name, cls.family, path, cls, self._environment, overrides)


def _import(path: Path) -> ModuleType:
    inside = path.resolve().parent == BUILT_IN
    # a file beside the built-in ones has the module name an ordinary import would give it
    name = (
        f"{PACKAGE}.{path.stem}" if inside else f"{PACKAGE}.user_{crc32(str(path.resolve()).encode()):08x}_{path.stem}"
    )
    if inside and name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _strategies_of(module: ModuleType) -> list[type[BaseStrategy]]:
    """Concrete strategy classes defined in the module itself, not those it imports."""
    return [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, BaseStrategy) and cls.__module__ == module.__name__ and not inspect.isabstract(cls)
    ]
