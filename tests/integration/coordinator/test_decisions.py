"""Decisions are made once, committed before they are sent, and found again after any interruption."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from redis.asyncio import Redis

from coordinator.src.ports import DecisionStore
from coordinator.src.signal_handler import GROUP, SignalHandler
from core.risk.entry_decisions import intent_id_of
from core.risk.loss import LossMark
from core.statistics.periods import day_start
from shared.memory.manual_clock import ManualClock
from shared.src.bus.ports import Bus
from shared.src.contracts.portfolio import ReservationRequest
from shared.src.contracts.topics import CONSENSUS, DECISION_MADE
from shared.src.database import Database
from shared.src.domain.errors import TransientError
from shared.src.domain.orders import IntentKind, Side
from shared.src.redis_client import RedisBus
from tests.integration.coordinator.conftest import DeafBus, sent_intents, until, write_cycle, write_signal
from tests.unit.coordinator.fakes import FakeFunds
from tests.unit.core.risk.builders import CLOSE_MS, consensus
from trader.src.adapters.postgres_store import PostgresStore

pytestmark = pytest.mark.integration
EARLIER = Decimal(123)


async def decisions(store: DecisionStore, **wanted: Any) -> list[dict[str, Any]]:
    return await store.latest(**({"symbol": None, "approved": None, "limit": 100} | wanted))


async def test_a_consensus_becomes_a_funded_intent(
    handler: SignalHandler, store: DecisionStore, funds: FakeFunds, redis: Redis
) -> None:
    await handler.on_signals([consensus()])
    (intent,) = await sent_intents(redis)
    (row,) = await decisions(store)
    assert intent.message_id == row["intent_id"] == intent_id_of(consensus())
    assert (row["approved"], row["published"]) == (True, True)
    assert intent.reserved == funds.leases[intent.message_id] <= 1000
    assert intent.quantity is not None
    assert intent.quantity * intent.reference_price < intent.reserved
    assert intent.stop_loss is not None
    assert intent.stop_loss < intent.reference_price
    assert intent.decided_on == CLOSE_MS


async def test_the_same_consensus_is_decided_once_however_often_it_arrives(
    handler: SignalHandler, store: DecisionStore, redis: Redis
) -> None:
    await asyncio.gather(*(handler.on_signals([consensus(), consensus()]) for _ in range(5)))
    assert len(await sent_intents(redis)) == 1
    assert len(await decisions(store)) == 1


async def test_two_coordinators_decide_a_consensus_once(
    make_handler: Callable[[Bus], SignalHandler], bus: RedisBus, store: DecisionStore, redis: Redis
) -> None:
    one, other = make_handler(bus), make_handler(bus)
    await asyncio.gather(one.on_signals([consensus()]), other.on_signals([consensus()]))
    assert len(await sent_intents(redis)) == 1
    assert len(await decisions(store)) == 1


async def test_a_refusal_is_written_and_announced_with_its_reason(
    handler: SignalHandler, store: DecisionStore, funds: FakeFunds, bus: RedisBus, redis: Redis
) -> None:
    notices = bus.listen(DECISION_MADE.name)
    heard = asyncio.ensure_future(anext(notices))
    await until(redis.pubsub_numpat)
    funds.denial = "pocket active has 3 USDC free, 1000 needed"
    await handler.on_signals([consensus()])
    (row,) = await decisions(store)
    assert (row["approved"], row["reason"], row["intent"]) == (False, funds.denial, None)
    _, raw = await heard
    assert DECISION_MADE.decode(raw).reason == funds.denial
    await notices.aclose()  # type: ignore[attr-defined]
    assert await sent_intents(redis) == []


async def test_a_crash_between_commit_and_publish_loses_nothing(
    make_handler: Callable[[Bus], SignalHandler],
    deaf_bus: DeafBus,
    bus: RedisBus,
    store: DecisionStore,
    redis: Redis,
) -> None:
    await make_handler(deaf_bus).on_signals([consensus()])
    (row,) = await decisions(store)
    assert (row["approved"], row["published"]) == (True, False)
    assert await sent_intents(redis) == []
    await make_handler(bus).sweep(older_s=0)
    (intent,) = await sent_intents(redis)
    assert intent.message_id == row["intent_id"]
    await make_handler(bus).sweep(older_s=0)
    assert len(await sent_intents(redis)) == 1
    assert (await decisions(store))[0]["published"]


async def test_a_crash_between_reservation_and_commit_reserves_once(
    handler: SignalHandler, funds: FakeFunds, database: Database, redis: Redis
) -> None:
    intent_id = intent_id_of(consensus())
    await funds.reserve([ReservationRequest(intent_id=intent_id, amount=EARLIER)], ttl_s=60)
    await handler.on_signals([consensus()])
    (intent,) = await sent_intents(redis)
    assert list(funds.leases) == [intent_id]
    assert intent.reserved == EARLIER
    assert intent.quantity is not None
    assert intent.quantity * intent.reference_price <= EARLIER


async def test_a_signal_whose_message_was_lost_is_found_in_the_database(
    handler: SignalHandler, database: Database, redis: Redis
) -> None:
    await write_signal(database, consensus())
    await handler.sweep(older_s=0)
    await handler.sweep(older_s=0)
    assert len(await sent_intents(redis)) == 1


async def test_an_entry_waits_for_the_portfolio_and_exits_do_not_wait_for_it(
    handler: SignalHandler, funds: FakeFunds, database: Database, store: DecisionStore, redis: Redis
) -> None:
    entry, leave = consensus(), consensus(Side.SELL, symbol="ETHUSDC")
    await write_signal(database, entry)
    await write_cycle(database, "ETHUSDC")
    funds.error = TransientError("portfolio: away")
    await handler.on_signals([entry, leave])
    assert [intent.kind for intent in await sent_intents(redis)] == [IntentKind.EXIT]
    assert handler.waiting_for == "portfolio: away"
    funds.error = None
    await handler.sweep(older_s=0)
    assert [intent.kind for intent in await sent_intents(redis)] == [IntentKind.EXIT, IntentKind.ENTRY]


async def test_all_entries_of_a_moment_are_asked_for_at_once(
    handler: SignalHandler, funds: FakeFunds, redis: Redis
) -> None:
    signals = [consensus(symbol=symbol) for symbol in ("BTCUSDC", "ETHUSDC", "SOLUSDC")]
    await handler.on_signals(signals)
    assert funds.asked == [[intent_id_of(signal) for signal in signals]]
    assert [intent.symbol for intent in await sent_intents(redis)] == ["BTCUSDC", "ETHUSDC", "SOLUSDC"]


async def test_an_entry_without_funds_takes_no_place_from_those_behind_it(
    make_handler: Callable[..., SignalHandler], bus: RedisBus, funds: FakeFunds, store: DecisionStore, redis: Redis
) -> None:
    first, denied, last = (consensus(symbol=symbol) for symbol in ("BTCUSDC", "ETHUSDC", "SOLUSDC"))
    funds.denial = "pocket active has 3 USDC free, 1000 needed"
    funds.granted_anyway = {intent_id_of(first), intent_id_of(last)}
    await make_handler(bus, max_concurrent_positions=2).on_signals([first, denied, last])
    assert [intent.symbol for intent in await sent_intents(redis)] == ["BTCUSDC", "SOLUSDC"]
    (refused,) = await decisions(store, approved=False)
    assert (refused["symbol"], refused["reason"]) == ("ETHUSDC", funds.denial)
    assert set(funds.leases) == {intent_id_of(first), intent_id_of(last)}


async def test_an_entry_that_waited_too_long_is_refused(
    handler: SignalHandler, funds: FakeFunds, database: Database, store: DecisionStore, clock: ManualClock
) -> None:
    await write_signal(database, consensus())
    funds.error = TransientError("portfolio: away")
    await handler.sweep(older_s=0)
    assert await decisions(store) == []
    clock.advance(200)
    await handler.sweep(older_s=0)
    (row,) = await decisions(store)
    assert "over 180 s" in row["reason"]


async def test_a_sell_becomes_an_exit_intent_for_an_open_position(
    handler: SignalHandler, database: Database, redis: Redis
) -> None:
    await write_cycle(database, "BTCUSDC")
    await handler.on_signals([consensus(Side.SELL)])
    (intent,) = await sent_intents(redis)
    assert (intent.kind, intent.side, intent.quantity) == (IntentKind.EXIT, Side.SELL, None)
    assert intent.reserved == 0


async def test_a_sell_without_a_position_is_refused(handler: SignalHandler, store: DecisionStore) -> None:
    await handler.on_signals([consensus(Side.SELL)])
    (row,) = await decisions(store)
    assert (row["kind"], row["reason"]) == ("exit", "no open position in BTCUSDC")


async def test_twenty_two_signals_at_once_open_no_more_than_the_limit(
    handler: SignalHandler, store: DecisionStore, redis: Redis
) -> None:
    bases = ("BTC", "ETH", "SOL", "XRP", "ADA", "UNI", "AAVE", "LINK", "DOGE", "AVAX", "NEAR")
    await handler.on_signals([consensus(symbol=f"{base}USDC") for base in bases])
    assert len(await sent_intents(redis)) == 5
    refused = await decisions(store, approved=False)
    assert len(refused) == 6
    assert all("MAX_CONCURRENT_POSITIONS" in row["reason"] for row in refused)


async def test_a_days_loss_stops_entries(
    handler: SignalHandler, database: Database, store: DecisionStore, clock: ManualClock
) -> None:
    mark = LossMark(day_start(clock.now()), result=Decimal(-5001), index=Decimal("0.98"))
    await PostgresStore(database, clock, demo=True).save_loss_mark(mark)
    await handler.on_signals([consensus()])
    (row,) = await decisions(store)
    assert "today's loss of 5001 reached MAX_DAILY_LOSS 5000" in row["reason"]


async def test_a_symbol_we_do_not_trade_is_refused(handler: SignalHandler, store: DecisionStore) -> None:
    await handler.on_signals([consensus(symbol="XMRUSDC")])
    (row,) = await decisions(store)
    assert row["reason"] == "XMRUSDC is not among TRADING_SYMBOLS or those chosen since"


async def test_a_decision_is_found_by_its_consensus(
    handler: SignalHandler, database: Database, store: DecisionStore
) -> None:
    await write_signal(database, consensus())
    await handler.on_signals([consensus()])
    row = await store.one(consensus().message_id)
    assert row is not None
    assert row["intent_id"] == intent_id_of(consensus())
    assert row["timeframe"] == "1m"


async def test_the_bus_delivers_signals_to_the_handler(handler: SignalHandler, bus: RedisBus, redis: Redis) -> None:
    bus.subscribe_batch(CONSENSUS, handler.on_signals, group=GROUP)
    running = asyncio.ensure_future(bus.run())
    await bus.publish(CONSENSUS, consensus())
    await until(lambda: sent_intents(redis))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
