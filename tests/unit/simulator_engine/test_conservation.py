"""Whatever anyone does, no coin is made or lost, nobody owes, no book crosses, and no better price is passed over.

Six worlds, 2,000 random histories each.
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
    "halts, new filters, execution rules, maintenance, pegs": World(lists=True, stp=True, bnb=True, group=1, acts=True),
}


@pytest.mark.parametrize("name", WORLDS)
def test_every_coin_is_where_it_must_be_after_any_history(name: str) -> None:
    @settings(max_examples=2_000, suppress_health_check=list(HealthCheck), database=None)
    @given(data=st.binary(min_size=100, max_size=240))
    def check(data: bytes) -> None:
        History(WORLDS[name], data).run()

    check()


# An amend reached the other leg of a pair, of which a prevented match had already used up more.
AMENDED_UNDER_ITS_PREVENTED_PART = bytes.fromhex(
    "26ed85358f1ce970a11fed6fbae47dd5e352648d4ac59afcd760bdf4da6a220c407de66b742504d9190595c7125575f6"
    "d0f728e7c0dce03d3f5f68476c7b10b995844268d49f3ecde8138a840e243e07d66ce5e2dcf3b344646b47dc61ab77a6"
    "ddec1aaba7ee79a702b8983b9447a21fdcc9985949e8534d30f1585e22da82e88b1b1bf1b72cd99882bc97711fc96d1c"
    "db05b1622f23978493d85b6ea7c4535df601b0147b013e41120a08900434fc8c"
)


def test_a_pair_is_not_amended_under_what_either_leg_has_used_up() -> None:
    History(WORLDS["order lists, prevention, BNB fees and tiny units"], AMENDED_UNDER_ITS_PREVENTED_PART).run()


def test_histories_are_not_idle() -> None:
    """The generator must reach fills, or the property above would prove nothing."""
    history = History(WORLDS["plain"], bytes((index * 37 + index // 7) % 256 for index in range(4_000)))
    history.run()
    assert history.trades > 50
