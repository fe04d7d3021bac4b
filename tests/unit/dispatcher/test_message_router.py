"""Where each message goes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson

from dispatcher.src.message_router import SCREENS, route
from shared.src.bus.kafka_record import KafkaRecord
from shared.src.contracts.market import CORRECTION, CandleMessage, MarketTick, TradeFlow
from shared.src.contracts.topics import KAFKA_CANDLE, KAFKA_FLOW, KAFKA_TICK
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms


def record(value: bytes) -> KafkaRecord:
    return KafkaRecord("market.data.btcusdc", 0, 0, "BTCUSDC", value)


def candle(*, closed: bool = True, source: str = "stream") -> bytes:
    price = Decimal(10)
    made = Candle("BTCUSDC", Timeframe.M1, 0, price, price, price, price, Decimal(1), is_closed=closed)
    return KAFKA_CANDLE.encode(CandleMessage.of(made, source=source, occurred_at_ms=60_000))


def tick(update_id: int) -> bytes:
    return KAFKA_TICK.encode(
        MarketTick(
            message_id=str(update_id),
            occurred_at=from_ms(0),
            symbol="BTCUSDC",
            bid=Decimal(1),
            bid_quantity=Decimal(1),
            ask=Decimal(2),
            ask_quantity=Decimal(1),
            update_id=update_id,
        )
    )


def test_a_closed_candle_is_stored_decided_on_and_shown() -> None:
    routed = route([record(candle())])
    assert (len(routed.store), len(routed.decide), len(routed.shown)) == (1, 1, 1)


def test_an_open_candle_is_only_shown() -> None:
    routed = route([record(candle(closed=False))])
    assert (len(routed.store), len(routed.decide), len(routed.forming)) == (0, 0, 1)


def test_nothing_is_decided_on_history() -> None:
    routed = route([record(candle(source="history"))])
    assert (len(routed.store), len(routed.decide)) == (1, 0)


def test_of_several_ticks_the_newest_counts() -> None:
    routed = route([record(tick(1)), record(tick(2))])
    assert routed.newest == {(SCREENS[MarketTick], "BTCUSDC"): tick(2)}


def test_an_open_candle_is_not_shown_after_the_one_that_closed_it() -> None:
    routed = route([record(candle(closed=False)), record(candle())])
    assert (routed.forming, len(routed.shown)) == ({}, 1)


def test_every_trade_flow_is_shown_since_each_says_something_of_its_own() -> None:
    flows = [
        KAFKA_FLOW.encode(
            TradeFlow(
                message_id=str(number),
                occurred_at=from_ms(0),
                symbol="BTCUSDC",
                first_id=number,
                last_id=number,
                missing=0,
                bought=Decimal(1),
                sold=Decimal(0),
                quote_volume=Decimal(1),
                last=Decimal(1),
            )
        )
        for number in (1, 2)
    ]
    routed = route([record(flow) for flow in flows])
    assert [raw for _, raw in routed.shown] == flows
    assert list(routed.newest.values()) == flows[1:]


def test_a_correction_is_stored_and_decided_on_anew() -> None:
    routed = route([record(candle(source=CORRECTION))])
    assert (len(routed.store), len(routed.decide)) == (1, 1)
    assert routed.decide[0].message_id == "BTCUSDC:1m:0:corrected:60000"


def test_what_breaks_its_contract_is_dead_with_the_reason_and_the_rest_goes_on() -> None:
    broken: dict[str, Any] = orjson.loads(candle()) | {"high": "1"}
    routed = route([record(b"no json"), record(b'{"type":"other"}'), record(orjson.dumps(broken)), record(candle())])
    assert [reason.split(":")[0] for _, reason in routed.dead] == ["market.data"] * 3
    assert "low <= open" in routed.dead[2][1]
    assert len(routed.store) == 1
