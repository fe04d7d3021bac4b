"""The paper account is what its owner was told, however the process ends and however long its history is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from shared.src.clocks import SystemClock
from shared.src.config import Settings
from shared.src.database import Database, DatabaseConnection
from shared.src.domain.errors import ConfigurationError, OutcomeUnknownError, TransientError
from shared.src.domain.orders import OrderStatus, OrderType, Side
from shared.src.redis_client import RedisBus, redis_from
from shared.src.sql import text
from simulator.engine.exchange import Engine
from tests.integration.simulator.conftest import PROJECT_ROOT, RunningTwin
from tests.integration.simulator.paper_alike.orders import order
from tests.integration.trader.paper_child import SYMBOL, tick
from trader.src.adapters.paper import NAME, PaperExchange
from trader.src.adapters.postgres_paper_state import PostgresPaperState

pytestmark = pytest.mark.integration
BUY, SELL, LIMIT, MARKET = Side.BUY, Side.SELL, OrderType.LIMIT, OrderType.MARKET


@pytest.fixture
def given(stack: Any, settings: Settings, twin: RunningTwin) -> dict[str, Any]:
    """What a settings object is made of: a database of this test, the twin's rules."""
    environment = {name.lower(): value for name, value in stack.environment.items()}
    name = settings.database_url.rsplit("/", 1)[1].split("?")[0]
    return environment | {"pgdatabase": name, "binance_rest_url": twin.rest, "trading_symbols": SYMBOL}


def life(given: dict[str, Any], number: int, folder: Path, *, more: int) -> list[dict[str, Any]]:
    """Let a paper exchange trade for a while and kill it in the middle of whatever it does; what it said.

    ``more``: how many lines it may say after it was filled and has cancelled often enough.
    """
    command = [sys.executable, "-m", "tests.integration.trader.paper_child", json.dumps(given, default=str)]
    log = folder / f"life-{number}.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*command, str(number), str(number)],
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=dict(os.environ),
            text=True,
        )
    assert process.stdout is not None
    with process.stdout as lines:
        said: list[str] = []
        while not _lived(said) or more:
            more -= _lived(said)
            said.append(lines.readline())
            assert said[-1], log.read_text()
        process.kill()
        said += lines.readlines()
    assert process.wait(60) == -9, log.read_text()
    # what has no line break was cut off in the middle
    return [json.loads(line) for line in said if line.endswith("\n")]


def _lived(said: list[str]) -> bool:
    return sum('"trade"' in line for line in said) > 8 and sum('"cancelled"' in line for line in said) > 2


async def test_nothing_that_was_told_is_lost_or_doubled_by_kill_9(
    given: dict[str, Any], database: Database, tmp_path: Path
) -> None:
    random = Random(5)
    said: list[dict[str, Any]] = []
    for number in range(3):
        said += life(given, number, tmp_path, more=random.randrange(20))
        engine = await PostgresPaperState(database, NAME).load()
        assert engine is not None
        _check(engine, said, lives=number + 1)


def _check(engine: Engine, said: list[dict[str, Any]], *, lives: int) -> None:
    account = engine.account(NAME)
    assert engine.audit()["problems"] == []
    answered = [row for row in said if "id" in row]
    for row in answered:
        kept = account.orders[row["order"]]
        assert kept.client_order_id == row["id"]
        assert kept.executed >= Decimal(row["done"])
    for row in (row for row in said if "cancelled" in row):
        assert not account.orders[row["cancelled"]].is_open
    kept_fills = [(fill.trade_id, fill.order_id) for fill in account.fills.get(SYMBOL, ())]
    assert len(set(kept_fills)) == len(kept_fills)
    assert {(row["trade"], row["order"]) for row in said if "trade" in row} <= set(kept_fills)
    names = [found.client_order_id for found in account.orders.values()]
    assert len(set(names)) == len(names)
    # done but not answered: what was under way when a life ended, a pair at most
    assert len(names) - len(answered) <= 2 * lives


@asynccontextmanager
async def paper_exchange(given: dict[str, Any], make_settings: Callable[..., Settings]) -> AsyncIterator[PaperExchange]:
    settings = make_settings(**given)
    database, redis = Database.of(settings, "paper"), redis_from(settings)
    paper = PaperExchange(settings, SystemClock(), database, redis=redis, notices=RedisBus(redis, consumer="paper"))
    await paper.prepare()
    try:
        yield paper
    finally:
        await paper.close()
        await database.close()
        await redis.aclose()


CUT = """
CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(5); RETURN NULL; END $$
"""
BEFORE_WRITING = "CREATE TRIGGER away BEFORE INSERT ON paper_records FOR EACH STATEMENT EXECUTE FUNCTION cut()"
BEFORE_COMMITTING = (
    "CREATE CONSTRAINT TRIGGER away AFTER INSERT ON paper_records"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut()"
)


@asynccontextmanager
async def away(database: Database, *, after_writing: bool) -> AsyncIterator[None]:
    """The database goes away in every write of the paper account: before it, or when it is done but not committed."""
    async with database.begin() as connection:
        await connection.execute(text(CUT))
        await connection.execute(text(BEFORE_COMMITTING if after_writing else BEFORE_WRITING))
    try:
        yield
    finally:
        async with database.begin() as connection:
            await connection.execute(text("DROP FUNCTION cut() CASCADE"))


@pytest.mark.parametrize("after_writing", [False, True])
async def test_an_order_that_could_not_be_saved_is_unknown_then_known_and_told_once(
    given: dict[str, Any], make_settings: Callable[..., Settings], *, after_writing: bool
) -> None:
    async with paper_exchange(given, make_settings) as paper:
        await paper.on_tick(tick(Random(1)))
        database = paper._state._database
        async with away(database, after_writing=after_writing):
            with pytest.raises(OutcomeUnknownError):
                await paper.place(order("a", BUY, MARKET, "0.01"))
            # nothing is done, and nothing told, on top of what is not saved
            with pytest.raises(TransientError):
                await paper.place(order("b", BUY, MARKET, "0.01"))
            with pytest.raises(TransientError):
                await paper.order(SYMBOL, "a")
            assert paper._news.empty()
            saved = await PostgresPaperState(database, NAME).load()
            assert saved is not None
            assert not saved.account(NAME).orders

        assert (await paper.order(SYMBOL, "a")).status is OrderStatus.FILLED
        executions = [row["x"] for row in _waiting(paper) if row["e"] == "executionReport"]
        assert executions == ["NEW", "TRADE"]
        await paper.place(order("b", BUY, MARKET, "0.01"))
        saved = await PostgresPaperState(database, NAME).load()
        assert saved is not None
        assert [found.client_order_id for found in saved.account(NAME).orders.values()] == ["a", "b"]


async def test_a_fill_that_could_not_be_saved_is_told_with_the_next_price(
    given: dict[str, Any], make_settings: Callable[..., Settings]
) -> None:
    async with paper_exchange(given, make_settings) as paper:
        first = tick(Random(1))
        await paper.on_tick(first)
        await paper.place(order("a", BUY, LIMIT, "0.01", str(first.bid - 100)))
        _waiting(paper)
        lower = {"bid": first.bid - 500, "ask": first.bid - 499}
        async with away(paper._state._database, after_writing=False):
            with pytest.raises(TransientError):
                await paper.on_tick(first.model_copy(update=lower))
            assert paper._news.empty()

        await paper.on_tick(first.model_copy(update={"bid": first.bid - 501, "ask": first.bid - 499}))

        told = [row for row in _waiting(paper) if row["e"] == "executionReport"]
        assert [row["X"] for row in told][-1] == "FILLED"
        assert sum(Decimal(row["l"]) for row in told) == Decimal("0.01")


def _waiting(paper: PaperExchange) -> list[dict[str, Any]]:
    rows = []
    while not paper._news.empty():
        rows.append(paper._news.get_nowait())
    return rows


async def test_a_save_costs_what_changed_and_not_what_happened_before(
    given: dict[str, Any], make_settings: Callable[..., Settings]
) -> None:
    async with paper_exchange(given, make_settings) as paper:
        await paper.on_tick(tick(Random(1)))
        written: list[int] = []
        save = paper._state.save

        async def counted(batch: Any) -> None:
            written.append(len(batch.records))
            await save(batch)

        paper._state.save = counted  # type: ignore[method-assign]
        for number in range(60):
            await paper.place(order(f"a{number}", BUY, LIMIT, "0.001", "40000"))
            await paper.cancel(order(f"a{number}", BUY, LIMIT, "0.001"))
        # the order, its account, its market and the exchange
        assert set(written) == {4}


async def test_a_trailing_stop_remembers_its_best_price_over_a_restart(
    given: dict[str, Any], make_settings: Callable[..., Settings]
) -> None:
    async def move(paper: PaperExchange, price: int) -> None:
        moved = {"bid": Decimal(price), "ask": Decimal(price + 1), "bid_quantity": Decimal(1)}
        await paper.on_tick(tick(Random(1)).model_copy(update=moved))

    async with paper_exchange(given, make_settings) as paper:
        await move(paper, 50_000)
        await paper.place(order("a", BUY, MARKET, "0.01"))
        await paper.place(order("t", SELL, OrderType.STOP_LOSS, "0.009", trailing=100))
        await move(paper, 60_000)
    async with paper_exchange(given, make_settings) as paper:
        await move(paper, 59_500)
        assert (await paper.order(SYMBOL, "t")).status is OrderStatus.NEW
        await move(paper, 59_300)
        assert (await paper.order(SYMBOL, "t")).executed_quote == Decimal("0.009") * 59_300


async def test_a_price_that_comes_late_triggers_no_stop(
    given: dict[str, Any], make_settings: Callable[..., Settings]
) -> None:
    async def tell(paper: PaperExchange, price: int, second: int) -> None:
        moved = {"bid": Decimal(price), "ask": Decimal(price + 1), "bid_quantity": Decimal(1)}
        at = {"occurred_at": datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)}
        await paper.on_tick(tick(Random(1)).model_copy(update=moved | at))

    async with paper_exchange(given, make_settings) as paper:
        await tell(paper, 50_000, 1)
        await paper.place(order("a", BUY, MARKET, "0.01"))
        await paper.place(order("s", SELL, OrderType.STOP_LOSS, "0.009", stop="49000"))
        await tell(paper, 50_000, 5)
        await tell(paper, 48_000, 4)
        assert (await paper.order(SYMBOL, "s")).status is OrderStatus.NEW
        await tell(paper, 48_000, 6)
        assert (await paper.order(SYMBOL, "s")).executed_quote == Decimal("0.009") * 48_000


async def test_an_engine_loads_its_newest_history_and_the_orders_of_its_open_lists(
    given: dict[str, Any], make_settings: Callable[..., Settings]
) -> None:
    async with paper_exchange(given, make_settings) as paper:
        await paper.on_tick(tick(Random(1)))
        for number in range(5):
            await paper.place(order(f"a{number}", BUY, MARKET, "0.001"))
        database = paper._state._database
        short = await PostgresPaperState(database, NAME, history=2).load()
        assert short is not None
        assert [found.client_order_id for found in short.account(NAME).orders.values()] == ["a3", "a4"]
        assert short.audit()["ok"]
        async with database.begin() as connection:
            assert await _count(connection, "order") == 5


async def _count(connection: DatabaseConnection, kind: str) -> int:
    found = await connection.execute(text("SELECT count(*) FROM paper_records WHERE kind = :kind"), {"kind": kind})
    return int(found.scalar_one())


async def test_an_account_of_another_format_is_refused_with_what_to_do(
    given: dict[str, Any], make_settings: Callable[..., Settings]
) -> None:
    async with paper_exchange(given, make_settings) as paper:
        database = paper._state._database
        async with database.begin() as connection:
            changed = "UPDATE paper_records SET document = document || '{\"format\": 99}' WHERE kind = 'exchange'"
            await connection.execute(text(changed))
        with pytest.raises(ConfigurationError, match=r"paper account paper: .*format 99.*DELETE FROM paper_records"):
            await PostgresPaperState(database, NAME).load()
