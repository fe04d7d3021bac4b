"""A take profit and a stop of one position, of which one ends the other."""

from __future__ import annotations

import pytest

from tests.integration.simulator.paper_alike.exchanges import Scenario
from tests.integration.simulator.paper_alike.orders import (
    CANCELED,
    EXPIRED,
    FILLED,
    MAKER,
    NEW,
    PARTIAL,
    SELL,
    STOP,
    STOP_LIMIT,
    D,
    alike,
    order,
    statuses,
    with_coins,
)

pytestmark = pytest.mark.integration


async def protected(s: Scenario, quantity: str = "1") -> int:
    await with_coins(s)
    reports = await s.pair(order("tp", SELL, MAKER, quantity, "1050"), order("sl", SELL, STOP, quantity, stop="950"))
    assert [report.order.status for report in reports] == [NEW, NEW]
    assert (await s.balance("BTC"))[1] == D(quantity)
    list_id = reports[0].order.order_list_id
    assert list_id is not None
    return list_id


@alike
async def test_the_profit_of_a_pair_ends_its_stop(s: Scenario) -> None:
    await protected(s)
    await s.tick("1060", "1061", "3")
    assert await statuses(s) == [FILLED, EXPIRED]
    assert (await s.balance("BTC"))[1] == 0


@alike
async def test_the_stop_of_a_pair_ends_its_profit(s: Scenario) -> None:
    await protected(s)
    await s.tick("940", "941", "3")
    assert await statuses(s) == [EXPIRED, FILLED]


@alike
async def test_a_part_of_the_profit_already_ends_the_stop(s: Scenario) -> None:
    await protected(s, "3")
    await s.tick("1051", "1052", "0.01")
    assert await statuses(s) == [PARTIAL, EXPIRED]


@alike
async def test_a_pair_with_a_stop_limit_survives_a_gap_as_a_limit(s: Scenario) -> None:
    await with_coins(s)
    await s.pair(order("tp", SELL, MAKER, "1", "1050"), order("sl", SELL, STOP_LIMIT, "1", "945", stop="950"))
    await s.tick("900", "901")
    assert await statuses(s) == [EXPIRED, NEW]


@alike
async def test_a_pair_around_the_wrong_price_is_refused(s: Scenario) -> None:
    await with_coins(s)
    refused = await s.refused(s.pair(order("tp", SELL, MAKER, "1", "990"), order("sl", SELL, STOP, "1", stop="950")))
    assert refused == (-2010, "-2010 The relationship of the prices for the orders is not correct.")


@alike
async def test_a_pair_of_the_wrong_kinds_is_refused(s: Scenario) -> None:
    await with_coins(s)
    refused = await s.refused(s.pair(order("tp", SELL, STOP, "1", stop="1050"), order("sl", SELL, STOP, "1", stop="9")))
    assert refused == (-1197, "-1197 A stop loss order in a sell OCO must be below.")


@alike
async def test_a_cancelled_pair_gives_everything_back(s: Scenario) -> None:
    list_id = await protected(s)
    ended = await s.cancel(order("sl", SELL, STOP, "1", stop="950"), list_id)
    assert [leg.status for leg in ended] == [CANCELED, CANCELED]
    assert await s.balance("BTC") == (4, 0)


@alike
async def test_cancelling_one_order_of_a_pair_cancels_both(s: Scenario) -> None:
    await protected(s)
    await s.cancel(order("tp", SELL, MAKER, "1", "1050"))
    assert await statuses(s) == [CANCELED, CANCELED]


@alike
async def test_a_pair_under_a_name_in_use_is_refused(s: Scenario) -> None:
    await protected(s)
    again = (order("tp2", SELL, MAKER, "1", "1050"), order("sl2", SELL, STOP, "1", stop="950"))
    assert await s.refused(s.pair(*again)) == (-2010, "-2010 Duplicate order sent.")
