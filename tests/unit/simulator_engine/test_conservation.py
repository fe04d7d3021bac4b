"""Whatever anyone does, no coin is made or lost, nobody owes, no book crosses, and no better price is passed over.

Five worlds, 2,000 random histories each.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.simulator_engine.histories import History, World

WORLDS = {
    "plain": World(),
    "fees in BNB": World(bnb=True, taker=Decimal("0.0075")),
    "self-trade prevention in a trade group": World(stp=True, group=7),
    "order lists": World(lists=True),
    "order lists, prevention, BNB fees and tiny units": World(
        tick=Decimal("0.00000007"), step=Decimal("0.003"), lists=True, stp=True, bnb=True, group=1
    ),
}


@pytest.mark.parametrize("name", WORLDS)
def test_every_coin_is_where_it_must_be_after_any_history(name: str) -> None:
    @settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(data=st.binary(min_size=100, max_size=240))
    def check(data: bytes) -> None:
        History(WORLDS[name], data).run()

    check()


def test_histories_are_not_idle() -> None:
    """The generator must reach fills, or the property above would prove nothing."""
    history = History(WORLDS["plain"], bytes((index * 37 + index // 7) % 256 for index in range(4_000)))
    history.run()
    assert history.trades > 50
