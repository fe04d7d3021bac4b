"""One meaning of capital and of exposure: by asset, resting orders counted, in the asset of valuation."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from core.capital.pockets import Pockets, Reservation, ReservationStatus
from core.positions.model import Cycle, Order, Purpose
from core.risk.account import OpenCycle, OutsideBuy, Purchase, assets_of, capital_of, resting_cost
from shared.src.domain.clock import from_ms
from shared.src.domain.orders import CycleStatus, OrderType, Side
from tests.unit.core.risk.builders import account, open_cycle, pending


def entry(quantity: str, *, executed: str = "0", price: str | None = None, stop: str | None = None) -> Order:
    return Order(
        client_order_id="o",
        intent_id="i",
        cycle_id="c",
        attempt=1,
        purpose=Purpose.ENTRY,
        symbol="BTCUSDC",
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=Decimal(quantity),
        created_at=from_ms(0),
        executed_quantity=Decimal(executed),
        price=Decimal(price) if price else None,
        stop_price=Decimal(stop) if stop else None,
    )


def test_exposure_is_that_of_an_asset_through_all_its_symbols() -> None:
    view = account(
        cycles=(open_cycle("BTCUSDC", cost=Decimal(300)), open_cycle("BTCUSDT", cost=Decimal(200)),
                open_cycle("ETHUSDC", cost=Decimal(900))),
        rates={"USDT": Decimal("1.5")},
    )  # fmt: skip
    assert view.exposure("BTC") == 600


def test_exposure_of_a_strategy_is_what_it_has_at_stake_in_all_assets() -> None:
    view = account(
        cycles=(open_cycle(cost=Decimal(300), strategy="S"), open_cycle("ETHUSDC", resting=Decimal(40), strategy="S"),
                open_cycle("SOLUSDC", cost=Decimal(900), strategy="T")),
        pending=(pending("XRPUSDC", reserved=5, strategy="S"),),
    )  # fmt: skip
    assert view.exposure_of_strategy("S") == 345


def test_a_position_is_large_above_a_share_of_the_capital() -> None:
    view = account(cycles=(open_cycle(cost=Decimal(1600)), open_cycle("ETHUSDC", cost=Decimal(1500))))
    assert view.large_positions(Decimal(15)) == {"BTC": 16}


def test_what_rests_from_elsewhere_counts_for_its_asset() -> None:
    outside = (OutsideBuy.of(entry("0.02", executed="0.01", price="49000"), "USDC"),)
    assert account(outside=outside).exposure("BTC") == 490


@pytest.mark.parametrize(
    ("holding", "cost"),
    [
        # quantity, sold, entry price of the cycle; bought, spent of its orders
        (("0", "0", "0", "0", "0"), 0),
        (("0.02", "0", "50000", "0.02", "1000"), 1000),
        (("0", "0", "0", "0.02", "1000"), 1000),  # the fill is in the order, not yet in the cycle
        (("0.01", "0", "50000", "0.02", "1000"), 1000),
        (("0.02", "0.01", "50000", "0.02", "1000"), 500),
        (("0.02", "0.02", "50000", "0.02", "1000"), 0),
    ],
)
def test_what_is_held_costs_what_the_larger_account_of_it_says(holding: tuple[str, ...], cost: int) -> None:
    assert Purchase(*map(Decimal, holding)).cost == cost


def test_what_rests_and_what_is_reserved_counts() -> None:
    view = account(
        cycles=(open_cycle(cost=Decimal(300), resting=Decimal(150)),), pending=(pending("BTCUSDT", reserved=50),)
    )
    assert view.exposure("BTC") == 500


def test_an_entry_whose_cycle_has_begun_counts_once() -> None:
    view = account(cycles=(open_cycle(cost=Decimal(300)),), pending=(pending("BTCUSDC", reserved=310),))
    assert view.exposure("BTC") == 300
    assert view.pending == ()


def test_an_intent_is_not_measured_against_itself() -> None:
    view = account(pending=(pending(reserved=310),))
    assert view.exposure("BTC") == 310
    assert view.without("int-BTCUSDC").exposure("BTC") == 0


def test_what_cannot_be_converted_is_not_known() -> None:
    view = account(cycles=(open_cycle("ETHBTC", cost=Decimal(1)),), rates={})
    assert view.exposure("ETH") is None
    assert view.exposure("BTC") == 0


def test_capital_is_what_is_held_plus_what_the_open_positions_cost_of_it() -> None:
    cycles = (open_cycle(cost=Decimal(300), resting=Decimal(50)), open_cycle("ETHBTC", cost=Decimal("0.01")))
    assert capital_of(Decimal(1000), cycles, "USDC") == 1300


def test_what_is_held_of_the_asset_of_valuation_as_a_coin_is_no_capital() -> None:
    lira = open_cycle("USDCTRY", cost=Decimal(4000), held=Decimal(100))
    assert capital_of(Decimal(1100), (lira,), "USDC") == 1000


def test_the_pockets_divide_the_capital_that_the_gates_measure_on() -> None:
    bound = Reservation(
        "int-1",
        "active",
        "USDC",
        Decimal(300),
        spent=Decimal(300),
        cost=Decimal(300),
        status=ReservationStatus.COMMITTED,
    )
    pockets = Pockets({"active": Decimal(60), "buffer": Decimal(30), "safety": Decimal(10)}, [bound])
    pockets.revalue(Decimal(1000) + pockets.bound())
    cycles = (open_cycle(cost=Decimal(300)),)
    assert pockets.capital == capital_of(Decimal(1000), cycles, "USDC")


@pytest.mark.parametrize(
    ("order", "cost"),
    [
        (entry("0.02", price="49000"), 980),
        (entry("0.02", executed="0.01", price="49000"), 490),
        (entry("0.02", stop="51000"), 1020),
        (entry("0.02"), 1000),
    ],
)
def test_a_resting_entry_may_still_spend_what_is_left_of_it(order: Order, cost: int) -> None:
    assert resting_cost([order], Decimal(50_000)) == cost


def test_a_symbol_in_no_known_quote_is_its_own_asset() -> None:
    assert assets_of("ETHBTC", "USDC") == ("ETH", "BTC")
    assert assets_of("XYZABC", "USDC") == ("XYZABC", "")


def test_a_position_is_large_in_a_tiny_account_too_and_in_none_that_has_nothing() -> None:
    view = account(capital=Decimal(1), cycles=(open_cycle(cost=Decimal("0.5")),))
    assert view.large_positions(Decimal(15)) == {"BTC": 50}
    assert account(capital=Decimal(0), cycles=(open_cycle(cost=Decimal(1)),)).large_positions(Decimal(15)) == {}


def test_exposure_of_a_cluster_counts_what_rests() -> None:
    view = account(cycles=(open_cycle(cost=Decimal(300), resting=Decimal(40)),))
    assert view.exposure_of_cluster("BTCUSDC", threshold=0.8) == 340


def test_what_is_held_is_what_was_bought_less_what_was_sold() -> None:
    bought = Cycle("cy", "in", "BTCUSDC", "S", CycleStatus.ACTIVE_BUY, from_ms(0), quantity=Decimal(3))
    part = replace(bought, exit_quantity=Decimal(1), entry_price=Decimal(100))
    assert OpenCycle.of(part, (), "USDC").held == 2
    assert OpenCycle.of(replace(part, exit_quantity=Decimal(4)), (), "USDC").held == 0
