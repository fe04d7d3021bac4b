"""Keeps the matching engine of paper trading in PostgreSQL; reading it back accepts nothing but its own types."""

from __future__ import annotations

import io
import pickle
from typing import Any

from sqlalchemy import text

from shared.src.database import Database
from shared.src.domain.errors import ConfigurationError
from simulator.engine.exchange import Exchange

_MODULES = ("simulator.engine.", "decimal", "collections")
_BUILTINS = frozenset({"dict", "list", "tuple", "set", "frozenset", "int", "str", "getattr"})
# public trades of a market that are kept: paper trading needs the last price only
_TRADES_KEPT = 20


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.startswith(_MODULES) or (module == "builtins" and name in _BUILTINS):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a paper account")


class PaperState:
    """One row by account name."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name

    async def load(self) -> Exchange | None:
        """The engine as it was saved; None for a new account.

        Raises:
            ConfigurationError: what is stored is not an engine of this version.
        """
        async with self._database.begin() as connection:
            row = await connection.execute(
                text("SELECT state FROM paper_accounts WHERE name = :name"), {"name": self._name}
            )
            state = row.scalar_one_or_none()
        if state is None:
            return None
        try:
            found = _Unpickler(io.BytesIO(bytes(state))).load()
        except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, TypeError) as error:
            raise ConfigurationError(f"paper account {self._name}: not readable by this version: {error}") from error
        if not isinstance(found, Exchange):
            raise ConfigurationError(f"paper account {self._name}: not a matching engine")
        return found

    async def save(self, exchange: Exchange) -> None:
        for market in exchange.markets.values():
            _shorten(market.tape)
        async with self._database.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO paper_accounts (name, state, saved_at) VALUES (:name, :state, now()) "
                    "ON CONFLICT (name) DO UPDATE SET state = excluded.state, saved_at = excluded.saved_at"
                ),
                {"name": self._name, "state": pickle.dumps(exchange, protocol=5)},
            )


def _shorten(tape: Any) -> None:
    for rows in (tape.trades, tape.aggregates):
        while len(rows) > _TRADES_KEPT:
            rows.popleft()
