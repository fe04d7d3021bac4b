"""Sizes follow the risk, and no limit is ever exceeded."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.risk.exit_levels import settle_order
from core.risk.limits import NOTIONAL_RESERVE
from core.risk.sizing import Sized, SizingRules, TooSmall, reserve_for, shrink, size_entry
from tests.unit.core.risk.builders import BTC, EXITS, SIZING

prices = st.decimals(min_value="0.00000100", max_value=10**6, places=8)
amounts = st.decimals(min_value=0, max_value=10**7, places=8)


def size(
    *,
    price: str = "50000",
    strength: float = 1.0,
    capital: str = "10000",
    position_max: str = "1000",
    exposure_room: str = "2000",
    available: str = "6000",
    rules: SizingRules = SIZING,
    stop: str = "49000",
) -> Sized | TooSmall:
    return size_entry(
        price=Decimal(price),
        stop=Decimal(stop),
        strength=strength,
        capital=Decimal(capital),
        rate=Decimal(1),
        allowed={
            "MAX_POSITION_SIZE": Decimal(position_max),
            "MAX_EXPOSURE_PERCENT": Decimal(exposure_room),
            "the pocket": Decimal(available),
        },
        symbol=BTC,
        rules=rules,
    )


def test_a_hit_stop_loses_the_risk_share_of_the_capital() -> None:
    # 1 % of 10 000 = 100; the stop is 10 % away, so the position is worth 1000, less what the cap's headroom takes
    sized = size(stop="45000", position_max="5000")
    assert isinstance(sized, Sized)
    assert sized.quantity * 50_000 == Decimal(1000)


def test_the_weakest_signal_buys_half_of_the_strongest() -> None:
    strong = size(stop="45000", position_max="5000")
    weak = size(stop="45000", position_max="5000", strength=0.0)
    assert isinstance(strong, Sized)
    assert isinstance(weak, Sized)
    assert weak.quantity * 2 == strong.quantity


@given(
    price=prices,
    strength=st.floats(0, 1),
    capital=amounts,
    rate=st.decimals("0.00001", "100000", places=5),
    room=amounts,
    available=amounts,
    stop=st.none() | prices,
    step=st.sampled_from([Decimal(0), Decimal("0.00000001"), Decimal("0.001"), Decimal(1)]),
)
def test_no_limit_is_exceeded_by_what_is_set_aside(
    price: Decimal,
    strength: float,
    capital: Decimal,
    rate: Decimal,
    room: Decimal,
    available: Decimal,
    stop: Decimal | None,
    step: Decimal,
) -> None:
    levels = settle_order(price, stop, None, EXITS)
    sized = size_entry(
        price=price,
        stop=levels.stop_loss,
        strength=strength,
        capital=capital,
        rate=rate,
        allowed={"MAX_EXPOSURE_PERCENT": room, "the pocket": available},
        symbol=replace(BTC, step=step),
        rules=SIZING,
    )
    if isinstance(sized, Sized):
        cost = sized.quantity * price * rate
        assert 0 < sized.reserve <= min(available, room)
        assert sized.quantity * levels.stop_loss >= 5 * NOTIONAL_RESERVE
        assert cost - sized.reserve < Decimal("1e-8")
        at_risk = cost * (price - levels.stop_loss) / price
        assert at_risk <= capital * SIZING.risk_percentage / 100 * Decimal("1.0000001")


def test_too_small_an_order_says_which_limit_made_it_so() -> None:
    sized = size(available="4")
    assert isinstance(sized, TooSmall)
    assert sized.reason == "the order would be under the exchange's minimum of 5 at its stop: the pocket leaves 3.96"


def test_a_fixed_quantity_that_a_limit_forbids_is_refused_not_reduced() -> None:
    sized = size(rules=replace(SIZING, trade_quantity=Decimal(1)))
    assert sized == TooSmall("TRADE_QUANTITY costs 50000, MAX_POSITION_SIZE allows 990.09")


def test_a_fixed_quantity_is_bought_as_it_is() -> None:
    sized = size(rules=replace(SIZING, trade_quantity=Decimal("0.001")), strength=0.3)
    assert isinstance(sized, Sized)
    assert sized.quantity == Decimal("0.001")


def test_an_earlier_smaller_reservation_shrinks_the_order() -> None:
    sized = Sized(Decimal("0.01"), reserve_for(Decimal("0.01"), Decimal(50_000), SIZING))
    smaller = shrink(sized, Decimal("50.5"), worth=Decimal(50_000), symbol=BTC, rules=SIZING)
    assert smaller == Sized(Decimal("0.001"), Decimal("50.5"))
    assert shrink(sized, sized.reserve, worth=Decimal(50_000), symbol=BTC, rules=SIZING) == sized


def test_twice_the_risk_buys_twice_as_much() -> None:
    double = replace(SIZING, risk_percentage=Decimal(2))
    once = size(stop="45000", position_max="5000", exposure_room="5000")
    twice = size(stop="45000", position_max="5000", exposure_room="5000", rules=double)
    assert isinstance(once, Sized)
    assert isinstance(twice, Sized)
    assert twice.quantity == 2 * once.quantity


def test_a_fixed_quantity_may_use_all_that_a_limit_leaves() -> None:
    sized = size(rules=replace(SIZING, trade_quantity=Decimal("0.02")), position_max="1010")
    assert isinstance(sized, Sized)
    assert sized.reserve == 1010


def test_an_order_is_sized_in_the_lots_of_orders_at_market() -> None:
    lots = replace(BTC, market_step=Decimal("0.01"))
    sized = size_entry(
        price=Decimal(50_000),
        stop=Decimal(49_000),
        strength=1.0,
        capital=Decimal(10_000),
        rate=Decimal(1),
        allowed={"MAX_POSITION_SIZE": Decimal(2100)},
        symbol=lots,
        rules=SIZING,
    )
    assert isinstance(sized, Sized)
    assert sized.quantity == Decimal("0.04")
    shrunk = shrink(sized, Decimal(900), worth=Decimal(50_000), symbol=lots, rules=SIZING)
    assert shrunk.quantity == Decimal("0.01")
    assert shrink(sized, Decimal(400), worth=Decimal(50_000), symbol=lots, rules=SIZING).quantity == 0


def test_nothing_is_bought_with_nothing_even_where_the_exchange_has_no_minimum() -> None:
    free = replace(BTC, notional_min=Decimal(0), step=Decimal("0.00001"))
    sized = size_entry(
        price=Decimal(50_000),
        stop=Decimal(49_000),
        strength=1.0,
        capital=Decimal(10_000),
        rate=Decimal(1),
        allowed={"the pocket": Decimal("0.01")},
        symbol=free,
        rules=SIZING,
    )
    assert isinstance(sized, TooSmall)
