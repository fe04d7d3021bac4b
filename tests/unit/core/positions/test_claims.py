"""What the positions say we own, against what the exchange holds."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from core.positions.claims import claims, confirmed, shortfalls
from core.positions.model import Purpose
from shared.src.domain.orders import OrderStatus
from tests.unit.core.positions.cycles import RULES, known, state

D = Decimal
BOUGHT = state(known(Purpose.ENTRY, "2", OrderStatus.FILLED, fee="0.002"))
SOLD = state(known(Purpose.ENTRY, "2", OrderStatus.FILLED), known(Purpose.EXIT, "2", OrderStatus.FILLED))
ETHER = replace(RULES, symbol="ETHUSDC", base="ETH")


def test_claims_add_up_by_asset_less_fees_in_whole_lots() -> None:
    assert claims([(BOUGHT, RULES), (BOUGHT, RULES), (SOLD, ETHER)]) == {"BTC": D("3.98")}
    assert claims([]) == {}


def test_what_is_less_than_a_lot_is_not_claimed() -> None:
    assert claims([(BOUGHT, replace(RULES, step=D("0.5")))]) == {"BTC": D("1.5")}
    assert claims([(BOUGHT, replace(RULES, step=D(5)))]) == {}


def test_an_asset_is_short_when_the_exchange_holds_less_than_is_claimed() -> None:
    claimed = {"BTC": D(2), "ETH": D(1)}
    assert shortfalls(claimed, {"BTC": D(2), "ETH": D("1.5"), "BNB": D(9)}) == {}
    assert shortfalls(claimed, {"BTC": D("1.9")}) == {
        "BTC": "the exchange holds 1.9 BTC, open positions need 2",
        "ETH": "the exchange holds 0 ETH, open positions need 1",
    }


def test_a_difference_is_real_when_it_is_found_again_as_it_was() -> None:
    assert confirmed({"BTC": "1 of 2", "ETH": "0 of 1"}, {"BTC": "1 of 2", "ETH": "1 of 2"}) == {"BTC": "1 of 2"}
    assert confirmed({"BTC": "1 of 2"}, {}) == {}


def test_less_than_a_unit_is_claimed_too() -> None:
    assert claims([(state(known(Purpose.ENTRY, "0.5", OrderStatus.FILLED)), RULES)]) == {"BTC": D("0.5")}
