"""Whatever anyone does, no coin is made or lost, nobody owes, no book crosses, and no better price is passed over.

Six worlds, 2,000 random histories each.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.simulator.engine.histories import History, World

WORLDS = {
    "plain": World(),
    "fees in BNB": World(bnb=True, taker=Decimal("0.0075")),
    "self-trade prevention in a trade group": World(stp=True, group=7),
    "order lists": World(lists=True),
    "order lists, prevention, BNB fees and tiny units": World(
        tick=Decimal("0.00000007"), step=Decimal("0.003"), lists=True, stp=True, bnb=True, group=1
    ),
    "halts, new filters, execution rules, pegs": World(lists=True, stp=True, bnb=True, group=1, acts=True),
}


@pytest.mark.parametrize("name", WORLDS)
def test_every_coin_is_where_it_must_be_after_any_history(name: str) -> None:
    @settings(max_examples=2_000, suppress_health_check=list(HealthCheck), database=None)
    @given(data=st.binary(min_size=100, max_size=240))
    def check(data: bytes) -> None:
        History(WORLDS[name], data).run()

    check()


# Histories that once went wrong, in the world of lists, prevention, BNB fees and tiny units
FOUND = {
    "an amend reached the other leg of a pair, of which a prevented match had used up more": (
        "26ed85358f1ce970a11fed6fbae47dd5e352648d4ac59afcd760bdf4da6a220c407de66b742504d9190595c7125575f6"
        "d0f728e7c0dce03d3f5f68476c7b10b995844268d49f3ecde8138a840e243e07d66ce5e2dcf3b344646b47dc61ab77a6"
        "ddec1aaba7ee79a702b8983b9447a21fdcc9985949e8534d30f1585e22da82e88b1b1bf1b72cd99882bc97711fc96d1c"
        "db05b1622f23978493d85b6ea7c4535df601b0147b013e41120a08900434fc8c"
    ),
    "a prevented match made a leg smaller, and what was left locked the pair's funds a second time": (
        "b10085477cd50001cc010400e6245d0102023f00a9820104a504040483c10103bc00d40c28bb001746130401010c0003040c"
        "000e2201980c19020e03910100016701fa00a53b0e04011912040e0c0eba0400ab416c034d109d3e0e009304260030710002"
        "0301b10302000c7800007a21040c570003000086760000c1254901f4000401ad0000ecb582be030c0b0003510c03000e2f04"
        "0c010c0e000300e0b600c4030e0c01000ee6030482010cd50102040002030359010e04d103002d000e019b0e0e00a0000e0c"
        "2972040e550cf00e01a80058040002cc0c00d9000d010e00ee520000039202080482f34c01000400ed0cbd750e1a2f0c0200"
        "0e01f8d46e010019d702010300c0ec00680201010c04a4a9033f750003620c3bce01021c0104040e019f0100ee00176c040e"
        "027890000c03030e03000106501503d0030004013701716e000e030e0011000300240e000c000c00459b04000300006f01c9"
        "04010a0e42cd0327955904f33101cb0004040e011d88020e010203c6fa5f0202c9023fc4790216000241c887a6020e00005d"
    ),
}


@pytest.mark.parametrize("history", FOUND.values(), ids=FOUND)
def test_what_a_random_history_found_stays_mended(history: str) -> None:
    History(WORLDS["order lists, prevention, BNB fees and tiny units"], bytes.fromhex(history)).run()


def test_histories_are_not_idle() -> None:
    """The generator must reach fills, or the property above would prove nothing."""
    history = History(WORLDS["plain"], bytes((index * 37 + index // 7) % 256 for index in range(4_000)))
    history.run()
    assert history.trades > 50
