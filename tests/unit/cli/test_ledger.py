"""`ledger check`: the books add up in every asset, and are the exchange's, or it says where not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cli.commands.ledger import verdict

BOOKS = [
    ("exchange", "USDC", "900"),
    ("trading", "USDC", "100"),
    ("capital", "USDC", "-1000"),
    ("exchange", "BTC", "1"),
]


def rows(*more: tuple[str, str, str]) -> list[dict[str, Any]]:
    books = (*BOOKS, *more)
    return [{"account": account, "asset": asset, "amount": Decimal(amount)} for account, asset, amount in books]


def told(equals: bool | None = True, **gaps: str) -> dict[str, Any]:
    found = [{"asset": asset, "exchange_minus_books": gap} for asset, gap in gaps.items()]
    return {"equals_exchange": equals, "differences": found, "finding": "", "exchange_read_at": None}


def test_books_that_add_up_and_are_the_exchanges_are_fine() -> None:
    document = verdict(rows(("trading", "BTC", "-1")), told())
    assert (document["ok"], document["conserved"]) == (True, True)
    assert document["assets"][1] == {
        "asset": "USDC",
        "sum": "0",
        "accounts": {"capital": "-1000", "exchange": "900", "trading": "100"},
        "exchange_minus_books": "0",
    }


def test_an_asset_that_does_not_add_up_is_named() -> None:
    document = verdict(rows(), told())
    assert (document["ok"], document["conserved"]) == (False, False)
    assert (document["assets"][0]["asset"], document["assets"][0]["sum"]) == ("BTC", "1")


@pytest.mark.parametrize("equals", [False, None])
def test_books_that_are_not_the_exchanges_or_were_not_compared_are_not_fine(equals: bool | None) -> None:
    document = verdict(rows(("trading", "BTC", "-1")), told(equals, BTC="0.5"))
    assert (document["ok"], document["conserved"]) == (False, True)
    assert document["assets"][0]["exchange_minus_books"] == "0.5"
