"""Which symbols the platform streams and trades, changeable while it runs.

``TRADING_SYMBOLS`` says it until someone chooses otherwise through the gateway; the choice is kept in the database and
holds until TRADING_SYMBOLS itself is changed. Writer: gateway.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from shared.src.database import Database
from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError
from shared.src.sql import ENDED_CYCLES, text

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0


async def chosen_symbols(database: Database, configured: Sequence[str]) -> tuple[str, ...]:
    """The symbols in force, given those of the settings."""
    async with database.begin() as connection:
        rows = await connection.execute(text("SELECT configured, chosen FROM symbol_choice"))
        row = rows.one_or_none()
    return tuple(row.chosen) if row is not None and list(row.configured) == list(configured) else tuple(configured)


async def held_symbols(database: Database) -> set[str]:
    """Symbols with a position that is not closed: their prices must not stop."""
    async with database.begin() as connection:
        rows = await connection.execute(
            text(f"SELECT DISTINCT symbol FROM trade_cycles WHERE status NOT IN {ENDED_CYCLES}")
        )
        return {row.symbol for row in rows}


async def choose_symbols(database: Database, configured: Sequence[str], chosen: Sequence[str]) -> None:
    """Keep a choice."""
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO symbol_choice (configured, chosen) VALUES (:configured, :chosen)"
                " ON CONFLICT (id) DO UPDATE SET configured = EXCLUDED.configured, chosen = EXCLUDED.chosen,"
                " changed_at = now()"
            ),
            {"configured": list(configured), "chosen": list(chosen)},
        )


async def follow_choice(
    database: Database,
    configured: Sequence[str],
    *,
    clock: Clock,
    current: Sequence[str],
    apply: Callable[[tuple[str, ...]], Awaitable[None]],
) -> None:
    """Call ``apply`` whenever the symbols in force are not those it was called with last (``current`` at first)."""
    known = tuple(current)
    while True:
        await clock.sleep(LOOK_EVERY_S)
        try:
            chosen = await chosen_symbols(database, configured)
            if chosen != known:
                logger.info("symbols change", extra={"from": len(known), "to": len(chosen)})
                await apply(chosen)
                known = chosen
        except TransientError as error:
            logger.warning("symbols not looked up", extra={"reason": str(error)})
