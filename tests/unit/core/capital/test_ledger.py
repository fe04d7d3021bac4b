"""The ledger: every posting balances, and the exchange account is what the exchange holds."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.capital.ledger import (
    BooksRevision,
    Execution,
    Flow,
    LedgerAccount,
    Line,
    Posting,
    PostingKind,
    can_open,
    differences,
    fill_posting,
    flow_posting,
    opening_posting,
    totals,
)
from shared.src.domain.errors import InvariantError
from shared.src.domain.orders import Side
from shared.src.exchange.models import Balance

AT = datetime(2026, 1, 1, tzinfo=UTC)
amount = st.decimals(min_value="0.00000001", max_value=10**6, places=8)
fee = st.decimals(min_value=0, max_value=10, places=8)
fills = st.builds(
    Execution,
    execution_id=st.uuids().map(str),
    order_id=st.just("1"),
    symbol=st.sampled_from(["BTCUSDC", "ETHUSDC", "BNBUSDC"]),
    trade_id=st.just(1),
    side=st.sampled_from(Side),
    quantity=amount,
    quote_quantity=amount,
    fee=fee,
    fee_asset=st.sampled_from(["BTC", "ETH", "BNB", "USDC"]),
    occurred_at=st.just(AT),
)


def held(posting: Posting) -> dict[str, Decimal]:
    return totals(line for line in posting.lines if line.account is LedgerAccount.EXCHANGE)


@given(fill=fills, early=st.booleans())
def test_every_fill_posting_balances_in_every_asset(fill: Execution, early: bool) -> None:
    posting = fill_posting(fill, quote_asset="USDC", before_opening=early)
    assert all(total == 0 for total in totals(posting.lines).values())
    assert all(line.amount != 0 for line in posting.lines)


@given(history=st.lists(fills, max_size=30))
def test_the_exchange_account_follows_a_simple_wallet_to_the_last_digit(history: list[Execution]) -> None:
    wallet = {"BTC": Decimal(5), "USDC": Decimal(1000)}
    books = dict(held(opening_posting(wallet, AT)))
    for fill in history:
        sign = 1 if fill.side is Side.BUY else -1
        for asset, moved in (
            (fill.symbol.removesuffix("USDC"), sign * fill.quantity),
            ("USDC", -sign * fill.quote_quantity),
            (fill.fee_asset, -fill.fee),
        ):
            wallet[asset] = wallet.get(asset, Decimal(0)) + moved
        for asset, moved in held(fill_posting(fill, quote_asset="USDC")).items():
            books[asset] = books.get(asset, Decimal(0)) + moved
    assert differences(books, wallet) == {}


@given(fill=fills)
def test_a_fill_from_before_the_opening_does_not_move_the_exchange_account(fill: Execution) -> None:
    assert held(fill_posting(fill, quote_asset="USDC", before_opening=True)) == {}


def test_a_buy_with_its_fee_in_the_base_asset() -> None:
    bought, paid, fee = Decimal("0.01"), Decimal(500), Decimal("0.00001")
    execution = Execution("ex-1", "1", "BTCUSDC", 1, Side.BUY, bought, paid, fee, "BTC", AT)
    posting = fill_posting(execution, quote_asset="USDC")
    assert held(posting) == {"BTC": Decimal("0.00999"), "USDC": Decimal(-500)}
    assert Line(LedgerAccount.FEES, "BTC", Decimal("0.00001")) in posting.lines


def test_a_posting_that_does_not_balance_cannot_be_made() -> None:
    with pytest.raises(InvariantError, match="does not balance: 1 BTC"):
        Posting("p", PostingKind.FILL, AT, (Line(LedgerAccount.EXCHANGE, "BTC", Decimal(1)),))


def test_a_withdrawal_is_named_one_and_leaves_from_capital() -> None:
    posting = flow_posting("t-1", Flow(PostingKind.WITHDRAWAL, {"USDC": Decimal(-50)}), AT, "test")
    assert Line(LedgerAccount.CAPITAL, "USDC", Decimal(50)) in posting.lines
    assert held(posting) == {"USDC": Decimal(-50)}


def test_a_write_off_stays_visible_in_the_account_difference() -> None:
    posting = flow_posting("a-1", Flow(PostingKind.ADJUSTMENT, {"BNB": Decimal("-0.1")}), AT, "test")
    assert Line(LedgerAccount.DIFFERENCE, "BNB", Decimal("0.1")) in posting.lines


def test_differences_are_exchange_minus_books() -> None:
    assert differences({"BTC": Decimal(1), "ETH": Decimal(2)}, {"BTC": Decimal(1), "USDC": Decimal(3)}) == {
        "ETH": Decimal(-2),
        "USDC": Decimal(3),
    }


def test_the_books_open_only_when_nothing_moves() -> None:
    look = {"USDC": Balance("USDC", Decimal(9), Decimal(1))}
    moved = {"USDC": Balance("USDC", Decimal(8), Decimal(2))}
    still, filled, unsure = BooksRevision(0, 0, 0), BooksRevision(0, 1, 0), BooksRevision(0, 0, 1)
    assert can_open((look, dict(look)), before=still, now=still)
    assert not can_open((look, moved), before=still, now=still)
    assert not can_open((look, look), before=still, now=filled)
    assert not can_open((look, look), before=unsure, now=unsure)
