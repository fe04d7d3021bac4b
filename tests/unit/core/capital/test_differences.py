"""When a difference is believed, and when it may be called a transfer."""

from __future__ import annotations

from decimal import Decimal

from core.capital.differences import (
    DifferenceWatch,
    Standing,
    Trade,
    Trades,
    describe,
    halting,
    trade_missing,
)

GAP = {"USDC": Decimal(50)}


def test_equal_books_are_equal_at_once() -> None:
    assert DifferenceWatch().look({}, 0.0) is Standing.EQUAL


def test_a_difference_is_believed_only_after_several_looks_and_some_time() -> None:
    reconciler = DifferenceWatch()
    seen = [reconciler.look(GAP, at) for at in (0.0, 1.0, 2.0, 3.0, 11.9, 12.0)]
    assert seen == [Standing.SETTLING] * 5 + [Standing.STANDING]
    assert reconciler.standing(12.0) == GAP


def test_a_difference_that_moves_is_a_fill_on_its_way() -> None:
    reconciler = DifferenceWatch()
    for at in range(0, 60, 3):
        assert reconciler.look({"USDC": Decimal(at + 1)}, float(at)) is Standing.SETTLING


def test_a_difference_that_stays_is_found_while_others_move() -> None:
    reconciler = DifferenceWatch()
    for at in range(0, 15, 3):
        reconciler.look({"BNB": Decimal(-1), "USDC": Decimal(at + 1)}, float(at))
    assert reconciler.standing(12.0) == {"BNB": Decimal(-1)}


def test_gaps_are_told_with_their_sign() -> None:
    assert describe({"USDC": Decimal("-1.50"), "BTC": Decimal(2)}) == "BTC +2, USDC -1.5"


TRADE = Trade(Decimal(1), Decimal(100), Decimal("0.1"), "BNB")


def missing(listed: Trades, booked: Trades, *assets: str, begins_after: int = -1) -> str:
    gaps = dict.fromkeys(assets, Decimal(1))
    return trade_missing(
        "BTCUSDC", listed=listed, booked=booked, gaps=gaps, quote_asset="USDC", begins_after=begins_after
    )


def test_a_trade_that_the_books_lack_or_have_differently_is_named() -> None:
    dearer = Trade(Decimal(1), Decimal(101), Decimal("0.1"), "BNB")
    assert missing({7: TRADE}, {}, "BTC") == "trade 7 of BTCUSDC is not booked"
    assert missing({7: TRADE}, {7: dearer}, "USDC") == "trade 7 of BTCUSDC is booked differently"
    assert missing({7: TRADE}, {7: TRADE}, "BTC") == ""


def test_a_trade_in_other_assets_explains_nothing() -> None:
    assert missing({7: TRADE}, {}, "EUR") == ""
    assert missing({7: TRADE}, {}, "BNB") == "trade 7 of BTCUSDC is not booked"


def test_a_trade_in_a_pair_that_nobody_can_take_apart_explains_what_its_name_begins_or_ends_with() -> None:
    for asset, found in {"ODD": True, "XYZ": True, "BTC": False}.items():
        text = trade_missing("ODDXYZ", listed={7: TRADE}, booked={}, gaps={asset: Decimal(1)}, quote_asset="USDC")
        assert bool(text) is found


def test_a_trade_from_before_its_symbol_was_followed_explains_nothing_unless_it_is_booked() -> None:
    dearer = Trade(Decimal(1), Decimal(101), Decimal("0.1"), "BNB")
    assert missing({7: TRADE}, {}, "BTC", begins_after=7) == ""
    assert missing({7: TRADE, 8: TRADE}, {}, "BTC", begins_after=7) == "trade 8 of BTCUSDC is not booked"
    assert missing({7: TRADE}, {7: dearer}, "BTC", begins_after=7) == "trade 7 of BTCUSDC is booked differently"


def test_only_what_is_traded_stops_new_positions() -> None:
    unexplained = {"USDC": Decimal(1), "BTC": Decimal(-1), "EUR": Decimal(5)}
    assert halting(unexplained, symbols=["BTCUSDC"], quote_asset="USDC") == {"USDC": Decimal(1), "BTC": Decimal(-1)}


def test_a_fee_of_zero_in_no_asset_is_the_same_as_in_some() -> None:
    listed = {1: Trade(Decimal(1), Decimal(100), Decimal(0), "BNB")}
    assert not missing(listed, {1: Trade(Decimal(1), Decimal(100), Decimal(0), "")}, "BTC")


def test_a_difference_in_any_asset_of_a_traded_symbol_halts() -> None:
    gaps = {"USDT": Decimal(-1), "ETH": Decimal(1), "PEPE": Decimal(1), "B": Decimal(1)}
    symbols = ("BTCUSDT", "ETHBTC", "NOQUOTE")
    assert halting(gaps, symbols=symbols, quote_asset="USDC") == {"USDT": Decimal(-1), "ETH": Decimal(1)}


def test_a_difference_is_not_believed_for_its_age_alone_nor_for_few_looks() -> None:
    watch = DifferenceWatch()
    seen = [watch.look(GAP, at) for at in (100.0, 120.0, 140.0)]
    assert seen == [Standing.SETTLING] * 3
    assert watch.look(GAP, 160.0) is Standing.STANDING
    watch = DifferenceWatch()
    assert [watch.look(GAP, at) for at in (100.0, 102.0, 104.0, 106.0, 111.9)] == [Standing.SETTLING] * 5
    assert watch.look(GAP, 112.0) is Standing.STANDING
