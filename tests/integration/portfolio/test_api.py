"""The portfolio's API on a real database: every documented path, refusals with their reason, tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from coordinator.src.portfolio_client import PortfolioClient
from core.risk.funding import Denied, Granted
from portfolio.src.adapters.postgres_cycle_values import PostgresCycleValues
from portfolio.src.adapters.postgres_performance import PostgresPerformance
from portfolio.src.api import create_router
from portfolio.src.api_pockets import create_pocket_router
from portfolio.src.binance_account_manager import BinanceAccountManager
from portfolio.src.bookkeeper import Bookkeeper
from portfolio.src.composition import Portfolio
from portfolio.src.models import PortfolioModel, SharedCache
from portfolio.src.prices import LastPrices
from shared.memory.manual_clock import ManualClock
from shared.src.bus.redis_last_values import RedisLastValues
from shared.src.database import Database
from shared.src.domain.errors import RejectedError
from shared.src.domain.orders import Side
from shared.src.frame.auth import Authorizer, Scope, create_token
from shared.src.frame.error_answers import install_error_handlers
from shared.src.market.last_closes import closes_at, last_closes
from shared.src.sql import text
from tests.behaviour.portfolio.records import updater
from tests.behaviour.portfolio.world import FakeAccount, wanted
from tests.integration.portfolio.builders import TraderRows

pytestmark = pytest.mark.integration
ADMIN = "an-admin-token-of-the-test"


@pytest.fixture
def app(database: Database, redis: Redis, clock: ManualClock, portfolio: Portfolio, books: Bookkeeper) -> FastAPI:
    manager = portfolio.account
    cache = SharedCache(clock)
    prices = LastPrices(
        RedisLastValues(redis),
        partial(last_closes, database),
        quote_asset="USDC",
        clock=ManualClock(),
        closes_at=partial(closes_at, database),
    )
    model = PortfolioModel(database, prices, clock, quote_asset="USDC", cache=cache)
    app = FastAPI()
    app.include_router(create_router(model, manager, portfolio.booking))
    app.include_router(create_pocket_router(books, manager, Authorizer(database, ADMIN), cache))
    install_error_handlers(app)
    return app


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://portfolio") as client:
        yield client


@pytest.fixture
async def traded(
    books: Bookkeeper,
    trader: TraderRows,
    manager: BinanceAccountManager,
    account: FakeAccount,
    database: Database,
    clock: ManualClock,
) -> None:
    """One completed cycle that earned 10, one open position of 1 BTC bought at 100, now at 120."""
    await books.on_executions([await trader.entry("int-1", 1, fee="0")])
    await trader.order("int-1", "FILLED", side="SELL", purpose="exit", cycle_id="cy-int-1")
    await books.on_executions([await trader.fill("int-1", 2, side=Side.SELL, purpose="exit", price="110", fee="0")])
    await trader.cycle("int-1", "completed", profit="10")
    await books.on_executions([await trader.entry("int-2", 3, fee="0")])
    async with database.begin() as connection:
        await connection.execute(text("UPDATE trade_cycles SET exit_quantity = 0 WHERE id = 'cy-int-2'"))
        await connection.execute(
            text(
                "INSERT INTO market_data (time, symbol, timeframe, open, high, low, close, volume) VALUES"
                " (:at, 'BTCUSDC', '1m', 120, 120, 120, 120, 1), (:at, 'BNBUSDC', '1m', 10, 10, 10, 10, 1)"
            ),
            {"at": clock.now()},
        )
    account.held = {"USDC": Decimal(910), "BTC": Decimal(1), "BNB": Decimal(5)}
    await manager.refresh()
    assert await updater(PostgresCycleValues(database), PostgresPerformance(database), clock).update()


async def get(api: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await api.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_summary_values_everything_in_the_quote_asset(traded: None, api: httpx.AsyncClient) -> None:
    summary = await get(api, "/summary")
    assert summary["total_value"] == "1080"  # 910 + 120 + 50
    assert (summary["realized_pnl"], summary["realized_pnl_today"], summary["unrealized_pnl"]) == ("10", "10", "20")
    assert (summary["active_trades"], summary["completed_cycles"], summary["win_rate_percent"]) == (1, 1, "100")
    assert summary["performance_24h"] == "0"
    assert await get(api, "/portfolio/summary") == summary


async def test_an_empty_portfolio_has_a_summary_without_invented_numbers(books: None, api: httpx.AsyncClient) -> None:
    summary = await get(api, "/summary")
    assert summary["total_value"] == "0"
    assert summary["performance_24h"] is None
    assert summary["win_rate_percent"] is None


async def test_balances_are_text_and_have_their_aliases(traded: None, api: httpx.AsyncClient) -> None:
    balances = await get(api, "/balances")
    assert [row["asset"] for row in balances] == ["USDC", "BTC", "BNB"]
    assert balances[1] | {"updated_at": ""} == {
        "asset": "BTC",
        "free": "1",
        "locked": "0",
        "total": "1",
        "available": "1",
        "value_usdc": "120",
        "value_quote": "120",
        "eur_value": None,
        "updated_at": "",
    }
    for alias in ("/api/balance", "/portfolio/balance"):
        assert await get(api, alias) == balances
    assert (await get(api, "/balance/btc"))["total"] == "1"
    missing = await api.get("/balance/XMR")
    assert (missing.status_code, missing.json()["detail"]) == (404, "there is no balance of XMR")


async def test_trades_are_filtered_and_paged(traded: None, api: httpx.AsyncClient) -> None:
    everything = await get(api, "/trades")
    assert (everything["total_count"], [row["id"] for row in everything["trades"]]) == (3, [3, 2, 1])
    assert [row["id"] for row in (await get(api, "/trades", side="SELL"))["trades"]] == [2]
    assert (await get(api, "/trades", symbol="ethusdc"))["total_count"] == 0
    assert [row["id"] for row in (await get(api, "/trades", page=2, page_size=2))["trades"]] == [1]
    assert (await get(api, "/trades", start="2026-01-01T00:00:00Z", end="2026-01-01T00:00:01Z"))["total_count"] == 0
    assert (await get(api, "/portfolio/trades", limit=1))["trades"][0]["price"] == "100"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/trades?page_size=201", "less than or equal to 200"),
        ("/trades?page=0", "greater than or equal to 1"),
        ("/trades?side=HOLD", "'BUY' or 'SELL'"),
        ("/trades?start=yesterday", "datetime"),
        ("/trades?start=2026-01-01T00:00:00", "start needs a time zone"),
        ("/trades?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z", "start must be before end"),
        ("/trades?symbol='; DROP TABLE orders", "pattern"),
        ("/performance/hourly", "'daily', 'weekly' or 'monthly'"),
        ("/positions/recent?hours=169", "less than or equal to 168"),
    ],
)
async def test_bad_input_is_refused_with_the_reason(books: None, api: httpx.AsyncClient, path: str, words: str) -> None:
    answer = await api.get(path)
    assert answer.status_code == 422
    assert words in answer.text


async def test_performance_is_kept_per_period_strategy_and_symbol(traded: None, api: httpx.AsyncClient) -> None:
    for period in ("daily", "weekly", "monthly"):
        (row,) = await get(api, f"/performance/{period}")
        assert (row["trades"], row["profit_loss"], row["volume"], row["strategy"]) == (1, "10", "210", "")
    assert (await get(api, "/performance/daily", by="strategy"))[0]["strategy"] == "test"
    assert (await get(api, "/performance/daily", symbol="BTCUSDC"))[0]["wins"] == 1
    assert await get(api, "/performance/daily", symbol="ETHUSDC") == []


async def test_recomputing_performance_changes_nothing(
    traded: None, api: httpx.AsyncClient, database: Database, clock: ManualClock
) -> None:
    before = await get(api, "/performance/daily", by="strategy")
    keeper = updater(PostgresCycleValues(database), PostgresPerformance(database), clock)
    assert await keeper.update()
    assert await get(api, "/performance/daily", by="strategy") == before
    assert await keeper.update()  # the look back starts where the last one ended
    assert not await keeper.update()
    async with database.begin() as connection:
        await connection.execute(text("UPDATE trade_cycles SET profit_loss = 7, updated_at = now()"))
    assert await keeper.update()
    assert (await get(api, "/performance/daily"))[0]["profit_loss"] == "7"


async def test_positions_show_what_they_would_earn(traded: None, api: httpx.AsyncClient) -> None:
    (position,) = await get(api, "/positions/active")
    assert (position["cycle_id"], position["unrealized_pnl"], position["value"]) == ("cy-int-2", "20", "120")
    assert position["unrealized_pnl_percent"] == "20"
    assert [row["cycle_id"] for row in await get(api, "/positions/recent")] == ["cy-int-1"]
    assert [row["symbol"] for row in await get(api, "/symbols/owned")] == ["BTCUSDC"]
    assert (await get(api, "/stats/live"))["executions_today"] == 3


async def test_the_ledger_tells_whether_it_equals_the_exchange(
    traded: None, api: httpx.AsyncClient, account: FakeAccount, manager: BinanceAccountManager
) -> None:
    ledger = await get(api, "/ledger")
    assert ledger["accounts"]["exchange"] == {"USDC": "910", "BTC": "1", "BNB": "5"}
    assert (ledger["equals_exchange"], ledger["differences"], ledger["unbalanced_assets"]) == (True, [], 0)
    account.move("BTC", 1)
    await manager.refresh()
    ledger = await get(api, "/ledger")
    assert ledger["equals_exchange"] is False
    assert ledger["differences"] == [{"asset": "BTC", "exchange_minus_books": "1"}]
    postings = await get(api, "/ledger/postings", kind="opening")
    assert {line["asset"]: line["amount"] for line in postings[0]["lines"] if line["account"] == "exchange"} == {
        "USDC": "1000",
        "BNB": "5",
    }


async def test_the_coordinators_client_reserves_and_releases(app: FastAPI, api: httpx.AsyncClient) -> None:
    client = PortfolioClient("http://portfolio", ADMIN, ManualClock(), transport=httpx.ASGITransport(app))
    assert await client.reserve([wanted("int-9", Decimal(50))], ttl_s=60) == [Granted(Decimal(50))]
    assert await client.reserve([wanted("int-9", Decimal(80))], ttl_s=60) == [Granted(Decimal(50))]
    pockets = await get(api, "/pockets")
    assert (pockets["capital"], pockets["pockets"][0]["name"]) == ("1000", "active")
    assert (pockets["pockets"][0]["reserved"], pockets["pockets"][0]["available"]) == ("50", "550")
    assert [lease["intent_id"] for lease in pockets["reservations"]] == ["int-9"]
    several = [wanted(f"int-{number}", Decimal(amount)) for number, amount in ((10, 500), (11, 51), (12, 1))]
    assert await client.reserve(several, ttl_s=60) == [
        Granted(Decimal(500)),
        Denied("pocket active has 50 USDC free, 51 needed"),
    ]
    reserved = {lease["intent_id"] for lease in (await get(api, "/pockets"))["reservations"]}
    assert reserved == {"int-9", "int-10"}
    await api.post("/pockets/release", json={"intent_id": "int-9"}, headers=bearer(ADMIN))
    await api.post("/pockets/release", json={"intent_id": "int-10"}, headers=bearer(ADMIN))
    assert (await get(api, "/pockets"))["reservations"] == []
    with pytest.raises(RejectedError, match="no pocket 'casino'"):
        await client.reserve([wanted("int-11", Decimal(1), pocket="casino")], ttl_s=60)
    await client.close()


async def test_what_changes_money_needs_the_right_token(
    books: None, api: httpx.AsyncClient, database: Database
) -> None:
    body = {"intent_id": "int-1", "amount": "1"}
    assert (await api.post("/pockets/reserve", json=body)).status_code == 401
    _, reader = await create_token(database, name="reader", scope=Scope.READ)
    _, trading = await create_token(database, name="bot", scope=Scope.TRADE)
    refused = await api.post("/pockets/reserve", json=body, headers=bearer(reader))
    assert (refused.status_code, "scope is read" in refused.text) == (403, True)
    assert (await api.post("/pockets/reserve", json=body, headers=bearer(trading))).status_code == 200
    shares = {"active": 50, "reserve": 40, "safety": 10}
    assert (await api.put("/pockets/allocation", json=shares, headers=bearer(trading))).status_code == 403
    changed = await api.put("/pockets/allocation", json=shares, headers=bearer(ADMIN))
    assert {row["name"]: row["total"] for row in changed.json()["pockets"]} == {
        "active": "500",
        "buffer": "400",
        "safety": "100",
    }
    assert (await api.put("/pockets/sync", headers=bearer(trading))).json()["fills_booked"] == 0


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/pockets/reserve", {"intent_id": "int-1", "amount": "-5"}, "greater than 0"),
        ("/pockets/reserve", {"intent_id": "int-1", "amount": "NaN"}, "finite"),
        ("/pockets/reserve", {"intent_id": "int 1", "amount": "5"}, "pattern"),
        ("/pockets/reserve", {"intent_id": "int-1", "amount": "5", "ttl_s": 0}, "greater than 0"),
        ("/pockets/reserve", {"intent_id": "int-1", "amount": "5", "much": 1}, "Extra inputs"),
    ],
)
async def test_a_bad_reservation_is_refused_with_the_reason(
    books: None, api: httpx.AsyncClient, path: str, body: dict[str, Any], words: str
) -> None:
    answer = await api.post(path, json=body, headers=bearer(ADMIN))
    assert answer.status_code == 422
    assert words in answer.text


@pytest.mark.parametrize("shares", [{"active": 50, "buffer": 40, "safety": 11}, {"active": 50, "safety": 50}])
async def test_an_allocation_that_is_no_split_is_refused(
    books: None, api: httpx.AsyncClient, shares: dict[str, int]
) -> None:
    answer = await api.put("/pockets/allocation", json=shares, headers=bearer(ADMIN))
    assert answer.status_code == 422


async def test_writing_off_needs_a_difference(books: None, api: httpx.AsyncClient) -> None:
    body = {"asset": "btc", "reason": "airdrop"}
    answer = await api.post("/ledger/adjust", json=body, headers=bearer(ADMIN))
    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no difference in BTC")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_balances_lie_under_their_documented_keys_and_are_told_on_channels_of_these_names(
    books: Bookkeeper, manager: BinanceAccountManager, database: Database, redis: Redis
) -> None:
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO market_data (time, symbol, timeframe, open, high, low, close, volume) VALUES"
                " (now(), 'EURUSDC', '1m', 1.25, 1.25, 1.25, 1.25, 1)"
            )
        )
    listener = redis.pubsub()
    await listener.subscribe("account:balances", "account:total_balance")
    await manager.refresh()
    told: dict[str, bytes] = {}
    while len(told) < 2:
        message = await listener.get_message(timeout=2)
        assert message is not None
        if message["type"] == "message":
            told[message["channel"].decode()] = message["data"]
    assert told == {name: await redis.get(name) for name in ("account:balances", "account:total_balance")}
    assert told["account:total_balance"] == b"1000"
    rows = {row["asset"]: row for row in orjson.loads(told["account:balances"])}
    assert rows["USDC"] == {
        "asset": "USDC",
        "free": "1000",
        "locked": "0",
        "total": "1000",
        "value_usdc": "1000",
        "disponible": "1000",
        "en_ordre": "0",
        "eur_value": "800",
    }
    assert (rows["BNB"]["value_usdc"], rows["BNB"]["eur_value"]) == (None, None)
    await listener.aclose()  # type: ignore[no-untyped-call]


async def test_the_table_of_pockets_has_the_documented_columns(books: Bookkeeper, database: Database) -> None:
    await books.reserve([wanted("int-1", Decimal(50))], ttl_s=60)
    async with database.begin() as connection:
        columns = "pocket_type, allocation_percent, current_value, used_value, available_value"
        found = await connection.execute(text(f"SELECT {columns} FROM capital_pockets ORDER BY allocation_percent"))
        assert [tuple(row) for row in found] == [
            ("safety", 10, 100, 0, 100),
            ("buffer", 30, 300, 0, 300),
            ("active", 60, 600, 0, 550),
        ]


async def test_the_latest_signals_are_shown_newest_first(
    books: None, api: httpx.AsyncClient, database: Database
) -> None:
    async with database.begin() as connection:
        for minute in range(12):
            await connection.execute(
                text(
                    "INSERT INTO trading_signals (id, strategy, symbol, timeframe, side, timestamp, strength, price, "
                    "accepted, reason) VALUES (:id, 'EMA_Cross', 'BTCUSDC', '1m', 'BUY', "
                    "make_timestamptz(2026, 1, 1, 0, :minute, 0, 'UTC'), 0.7, 50000, false, 'too weak')"
                ),
                {"id": f"s-{minute}", "minute": minute},
            )
    signals = (await api.get("/api/signals", params={"limit": 10})).json()
    assert [signal["id"] for signal in signals] == [f"s-{minute}" for minute in range(11, 1, -1)]
    assert (signals[0]["signal_type"], signals[0]["price"], signals[0]["reason"]) == ("BUY", "50000", "too weak")
    assert (await api.get("/api/signals", params={"limit": 0})).status_code == 422


async def test_executions_are_measured_against_their_benchmarks(
    traded: None, api: httpx.AsyncClient, database: Database
) -> None:
    async with database.begin() as connection:
        await connection.execute(text("UPDATE orders SET benchmark = 99 WHERE side = 'BUY'"))
        await connection.execute(
            text(
                "UPDATE trade_cycles SET entry_benchmark = 99, entry_slippage_bips = 101.0101, exit_benchmark = 111,"
                " exit_slippage_bips = 90.0901"
            )
        )
    trades = (await get(api, "/trades", side="BUY"))["trades"]
    assert {(row["benchmark"], row["slippage_bips"]) for row in trades} == {("99", "101.0101")}
    sale = (await get(api, "/trades", side="SELL"))["trades"][0]
    assert (sale["benchmark"], sale["slippage_bips"]) == (None, None)
    statistics = await get(api, "/statistics")
    assert (round(float(statistics["slippage"]), 4), statistics["slippage_bips"]) == (2, "95.2381")
    position = (await get(api, "/positions/recent"))[0]
    assert (position["entry_slippage_bips"], position["exit_slippage_bips"]) == ("101.0101", "90.0901")
