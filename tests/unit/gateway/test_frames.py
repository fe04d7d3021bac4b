"""A frame of Binance's streams is read to the last digit, or refused."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.src.frames import WRONG, candle_of, day_of, depth_of, open_frame, tick_of
from shared.src.domain.errors import ContractError

KLINE = (
    '{"stream":"btcusdc@kline_1m","data":{"e":"kline","E":1672515782136,"s":"BTCUSDC","k":{"t":1672515780000,'
    '"T":1672515839999,"s":"BTCUSDC","i":"1m","f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0005",'
    '"v":"1000","n":100,"x":%s,"q":"1.0000","V":"500","Q":"0.500","B":"123456"}}}'
)


def opened(raw: str) -> Any:
    frame = open_frame(raw)
    assert frame is not None
    return frame[1]


def test_a_kline_frame_keeps_every_digit_and_the_closed_flag() -> None:
    candle = candle_of(opened(KLINE % "true"))
    assert (candle.open, candle.volume, candle.is_closed) == (Decimal("0.0010"), Decimal(1000), True)
    assert not candle_of(opened(KLINE % "false")).is_closed


def test_a_book_ticker_frame_is_a_tick() -> None:
    data = '{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21","a":"25.36","A":"40.66"}'
    tick = tick_of(opened(f'{{"stream":"bnbusdt@bookTicker","data":{data}}}'), received_ms=5)
    assert (tick.bid, tick.ask, tick.update_id) == (Decimal("25.35190000"), Decimal("25.36"), 400900217)


def test_a_depth_frame_is_a_change_of_the_book() -> None:
    data = '{"e":"depthUpdate","E":1,"s":"BNBUSDT","U":157,"u":160,"b":[["0.0024","10"]],"a":[["0.0026","0"]]}'
    event = depth_of(opened(f'{{"stream":"bnbusdt@depth@100ms","data":{data}}}'))
    assert (event.first_id, event.final_id) == (157, 160)
    assert event.bids == ((Decimal("0.0024"), Decimal(10)),)


def test_a_mini_ticker_frame_is_the_last_day() -> None:
    data = '{"e":"24hrMiniTicker","E":5,"s":"BNBUSDT","c":"2","o":"1","h":"3","l":"0.5","v":"10","q":"18"}'
    day = day_of(opened(f'{{"stream":"bnbusdt@miniTicker","data":{data}}}'))
    assert (day.open, day.last, day.quote_volume) == (Decimal(1), Decimal(2), Decimal(18))


def test_an_answer_to_a_command_is_nothing() -> None:
    assert open_frame('{"result":null,"id":1}') is None


@pytest.mark.parametrize("raw", ["", "[", "[1]", "1"])
def test_what_is_no_frame_is_refused(raw: str) -> None:
    with pytest.raises(ContractError):
        open_frame(raw)


@pytest.mark.parametrize(
    "raw",
    [
        '{"stream":"x@kline_1m","data":{"e":"kline"}}',
        '{"stream":"x@kline_1m","data":null}',
        KLINE.replace('"0.0010"', "0.001") % "true",
        KLINE % "1",
        KLINE.replace('"1m"', '"7m"') % "true",
        KLINE.replace('"1000"', '"NaN"') % "true",
    ],
)
def test_a_candle_that_is_not_what_binance_documents_is_refused(raw: str) -> None:
    with pytest.raises(WRONG):
        candle_of(opened(raw))


@given(raw=st.binary(max_size=200))
def test_no_bytes_break_the_parser(raw: bytes) -> None:
    with suppress(ContractError):
        assert open_frame(raw) is None
