"""strategy show, strategy set: the parameters of strategies, in the database of the platform."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.data import with_database
from cli.exits import missing, misused
from cli.run import services
from cli.session import CommandSession
from shared.src.config import load_settings
from shared.src.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from analyzer.src.strategy_loader import LoadedStrategy

NAME = Annotated[str, typer.Argument(help="As `strategy list` shows it.")]


def show(session: CommandSession, name: NAME) -> None:
    """Show the parameters of a strategy: value, bounds, where the value comes from, and the last changes."""
    from analyzer.src.adapters.postgres_parameters import PostgresParameterStore

    async def read(database: Any) -> tuple[dict[str, float], Sequence[dict[str, Any]]]:
        store = PostgresParameterStore(database)
        return (await store.current()).get(name, {}), await store.history(name)

    strategy = _loaded(name)
    overrides, changes = with_database(session, read)
    _answer(session, replace(strategy, overrides=overrides), changes)


def set_(
    session: CommandSession,
    name: NAME,
    values: Annotated[
        list[str], typer.Argument(help="KEY=VALUE; `KEY=default` gives it back.", metavar="KEY=VALUE...")
    ],
) -> None:
    """Change parameters of a strategy; it decides by them from the next bar on, without a restart."""
    from analyzer.src.adapters.postgres_parameters import PostgresParameterStore

    strategy, changes = _loaded(name), dict(_change(text) for text in values)
    author = f"cli:{getpass.getuser()}"

    async def write(database: Any) -> tuple[dict[str, float], Sequence[dict[str, Any]]]:
        store = PostgresParameterStore(database)
        return await store.change(strategy, changes, author=author), await store.history(name)

    try:
        overrides, history = with_database(session, write)
    except ConfigurationError as error:
        raise misused(str(error), f"roottrading strategy show {name}") from error
    _answer(session, replace(strategy, overrides=overrides), history)


def _change(text: str) -> tuple[str, float | None]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise misused(f"{text!r} is not KEY=VALUE", "for example oversold=25, or oversold=default")
    if value == "default":
        return name, None
    try:
        return name, float(value)
    except ValueError as error:
        raise misused(f"{name}: {value!r} is not a number") from error


def _loaded(name: str) -> LoadedStrategy:
    from analyzer.src.strategy_loader import BUILT_IN, StrategyLoader

    services.adopt_env_file()
    settings = load_settings()
    folders = [BUILT_IN, *([Path(settings.strategies_dir).expanduser()] if settings.strategies_dir else [])]
    report = StrategyLoader(folders, environment=dict(os.environ)).load()
    for strategy in report.loaded:
        if strategy.name == name:
            return strategy
    raise missing(f"there is no strategy {name}", "roottrading strategy list")


def _answer(session: CommandSession, strategy: LoadedStrategy, changes: Sequence[Mapping[str, Any]]) -> None:
    from analyzer.src.parameters import parameters_of

    parameters = parameters_of(strategy)
    document = {
        "name": strategy.name,
        "parameters": [asdict(parameter) for parameter in parameters],
        "changes": list(changes),
    }

    def print_out(out: Any) -> None:
        if not parameters:
            out.print(f"{strategy.name} has no parameters")
        for one in parameters:
            bounds = f"{one.low:g} to {one.high:g}, default {one.default:g}"
            out.print(f"{one.name:<18} {one.value:<10g} {one.source:<12} {bounds}; {one.variable}", markup=False)
        for change in changes:
            out.print(
                f"{change['changed_at']:%Y-%m-%d %H:%M:%S} {change['author']}: {change['parameters']}", markup=False
            )

    session.answer(document, print_out)


def read_parameters(path: Path | None) -> dict[str, dict[str, float]]:
    """A file of parameters by strategy: {"RSI_Strategy": {"oversold": 25}}; empty without one.

    Raises:
        CommandError: the file is not there (3), or not of that form (2).
    """
    import orjson

    if path is None:
        return {}
    if not path.expanduser().is_file():
        raise missing(f"--parameters: there is no file {path}")
    try:
        found = orjson.loads(path.expanduser().read_bytes())
        return {str(name): {str(key): float(value) for key, value in given.items()} for name, given in found.items()}
    except (ValueError, TypeError, AttributeError) as error:
        example = '{"RSI_Strategy": {"oversold": 25}}'
        raise misused(f"--parameters: {path} is not a file of parameters: {error}", example) from error
