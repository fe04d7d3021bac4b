"""Any sequence of commands and prices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from shared.src.domain.errors import RootTradingError
from shared.src.domain.orders import OrderType
from tests.integration.simulator.paper_alike.exchanges import BothExchanges, Scenario
from tests.integration.simulator.paper_alike.orders import (
    BUY,
    LIMIT,
    MAKER,
    MARKET,
    SELL,
    STOP,
    STOP_LIMIT,
    TAKE,
    order,
    with_coins,
)

pytestmark = pytest.mark.integration


KINDS = tuple(OrderType)
NAMES = ("a", "b", "c", "d")
LONGEST_ACTION = 12


async def act(s: Scenario, draw: Callable[[int], int]) -> None:
    """One thing that may happen, chosen by drawn numbers; refusals are part of it."""
    what = draw(10)
    if what < 4:
        middle = 1000 + 5 * (draw(21) - 10)
        await s.tick(str(middle - 1), str(middle), f"0.{1 + draw(9)}")
    elif what == 4:
        await s.pass_time(draw(120) * 1_000)
    elif what < 7:
        kind, side, price = KINDS[draw(len(KINDS))], (BUY, SELL)[draw(2)], str(1000 + 5 * (draw(21) - 10))
        limited, stops = kind not in {MARKET, STOP, TAKE}, kind not in {MARKET, LIMIT, MAKER}
        trails = stops and draw(3) == 0
        await s.place(
            order(
                NAMES[draw(4)],
                side,
                kind,
                f"{draw(3)}.{1 + draw(9)}",
                price if limited else None,
                stop=str(1000 + 5 * (draw(21) - 10)) if stops and not trails else None,
                tif=("GTC", "GTC", "IOC", "FOK")[draw(4)],
                trailing=100 if trails else None,
            )
        )
    elif what == 7:
        quantity = f"0.{1 + draw(9)}"
        high, low = str(1005 + 5 * draw(6)), str(995 - 5 * draw(6))
        stop_kind = (STOP, STOP_LIMIT)[draw(2)]
        stop = order("sl", SELL, stop_kind, quantity, low if stop_kind is STOP_LIMIT else None, stop=low)
        await s.pair(order("tp", SELL, MAKER, quantity, high), stop)
    else:
        name = (*NAMES, "tp", "sl")[draw(6)]
        await s.cancel(order(name, BUY, LIMIT, "1"))


def test_any_sequence_of_commands_and_prices_is_the_same_at_both(both: BothExchanges) -> None:
    # a failure is told at once: to shrink it over HTTP takes minutes
    @hypothesis.settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],
    )
    @given(data=st.binary(min_size=60, max_size=160), bnb=st.booleans())
    def check(data: bytes, bnb: bool) -> None:
        async def sequence(s: Scenario) -> None:
            await with_coins(s, "3")
            await s.tick("499", "500", symbol="BNBUSDC")
            await s.deposit("BNB", "0.003")
            left = list(data)
            while len(left) > LONGEST_ACTION:
                with suppress(RootTradingError):
                    await act(s, lambda below: left.pop() % below)

        trades.append(asyncio.run(both.play(sequence, bnb=bnb)))

    trades: list[int] = []
    check()
    assert sum(trades) > len(trades), "sequences that trade nothing prove nothing"
