"""Where each message goes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson

from dispatcher.src.message_router import route
from shared.src.contracts.market import CandleMessage, MarketTick
from shared.src.contracts.topics import KAFKA_CANDLE, KAFKA_TICK
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms
from shared.src.kafka_client import Record


def record(value: bytes) -> Record:
    return Record("market.data.btcusdc", 0, 0, "BTCUSDC", value)


def candle(*, closed: bool = True, source: str = "stream") -> bytes:
    price = Decimal(10)
    made = Candle("BTCUSDC", Timeframe.M1, 0, price, price, price, price, Decimal(1), is_closed=closed)
    return KAFKA_CANDLE.encode(CandleMessage.of(made, source=source, occurred_at_ms=60_000))


def tick(update_id: int) -> bytes:
    return KAFKA_TICK.encode(
        MarketTick(
            message_id=str(update_id), occurred_at=from_ms(0), symbol="BTCUSDC", bid=Decimal(1),
            bid_quantity=Decimal(1), ask=Decimal(2), ask_quantity=Decimal(1), update_id=update_id,
        )
    )  # fmt: skip


def test_a_closed_candle_is_stored_decided_on_and_shown() -> None:
    routed = route([record(candle())])
    assert (len(routed.store), len(routed.decide), len(routed.screens)) == (1, 1, 1)


def test_an_open_candle_is_only_shown() -> None:
    routed = route([record(candle(closed=False))])
    assert (len(routed.store), len(routed.decide), len(routed.screens)) == (0, 0, 1)


def test_nothing_is_decided_on_history() -> None:
    routed = route([record(candle(source="history"))])
    assert (len(routed.store), len(routed.decide)) == (1, 0)


def test_of_several_ticks_the_newest_counts() -> None:
    routed = route([record(tick(1)), record(tick(2))])
    assert routed.ticks["BTCUSDC"].update_id == 2


def test_what_breaks_its_contract_is_dead_with_the_reason_and_the_rest_goes_on() -> None:
    broken: dict[str, Any] = orjson.loads(candle()) | {"high": "1"}
    routed = route([record(b"no json"), record(b'{"type":"other"}'), record(orjson.dumps(broken)), record(candle())])
    assert [reason.split(":")[0] for _, reason in routed.dead] == ["market.data"] * 3
    assert "low <= open" in routed.dead[2][1]
    assert len(routed.store) == 1
