"""The order book beside the features of a bar: only a book that belongs to the bar, else nothing is known."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from core.features.engine import IndicatorEngine
from core.features.registry import BOOK_COLUMNS
from market_analyzer.src.book_features import AGE_MS_MAX, LATE_MS_MAX, OrderBookReader, book_features
from shared.src.contracts.market import BookDepth, DepthBand
from shared.src.contracts.topics import DEPTH_KEY, KAFKA_DEPTH
from shared.src.domain.clock import from_ms

CLOSE = 1_760_000_099_999
UNKNOWN = dict.fromkeys(BOOK_COLUMNS)


def depth(at_ms: int = CLOSE, *, ask: Decimal | None = Decimal(60_000), imbalance: str | None = "0.25") -> BookDepth:
    return BookDepth(
        message_id="BTCUSDC:depth:9",
        occurred_at=from_ms(at_ms),
        symbol="BTCUSDC",
        bid=Decimal("49999.5"),
        bid_quantity=Decimal(1),
        ask=Decimal("50000.5"),
        ask_quantity=Decimal(1),
        spread_bps=Decimal("0.2"),
        bands=[
            DepthBand(percent=Decimal("0.1"), bid=Decimal(1), ask=Decimal(1)),
            DepthBand(percent=Decimal("0.5"), bid=Decimal(100_000), ask=ask),
        ],
        imbalance=None if imbalance is None else Decimal(imbalance),
        update_id=9,
    )


@pytest.mark.parametrize("age_ms", [AGE_MS_MAX, 1_000, 0, -LATE_MS_MAX])
def test_a_book_of_the_moment_of_the_close_belongs_to_the_bar(age_ms: int) -> None:
    found = book_features(depth(CLOSE - age_ms), close_time=CLOSE)
    assert found == {"spread_bps": 0.2, "book_imbalance": 0.25, "bid_depth": 100_000.0, "ask_depth": 60_000.0}


@pytest.mark.parametrize("age_ms", [AGE_MS_MAX + 1, 60_000, -LATE_MS_MAX - 1, -60_000])
def test_a_book_that_is_stale_or_of_a_later_time_says_nothing(age_ms: int) -> None:
    assert book_features(depth(CLOSE - age_ms), close_time=CLOSE) == UNKNOWN


def test_without_a_book_and_beyond_what_it_knows_the_features_are_unknown_and_not_zero() -> None:
    assert book_features(None, close_time=CLOSE) == UNKNOWN
    found = book_features(depth(ask=None, imbalance=None), close_time=CLOSE)
    assert found == {"spread_bps": 0.2, "book_imbalance": None, "bid_depth": 100_000.0, "ask_depth": None}


async def test_books_are_read_in_one_round_trip_and_an_unreadable_one_harms_no_other() -> None:
    kept = {DEPTH_KEY.format(symbol="BTCUSDC"): KAFKA_DEPTH.encode(depth()), DEPTH_KEY.format(symbol="AAAUSDC"): b"{}"}
    asked: list[list[str]] = []

    async def get(keys: list[str]) -> list[bytes | None]:
        asked.append(keys)
        return [kept.get(key) for key in keys]

    values: Any = SimpleNamespace(get=get)
    assert await OrderBookReader(values).newest({"BTCUSDC", "AAAUSDC", "ETHUSDC"}) == {"BTCUSDC": depth()}
    assert len(asked) == 1


def test_an_engine_for_rules_that_read_the_book_computes_the_rest() -> None:
    assert "rsi_14" in IndicatorEngine("BTCUSDC", "1m", features=[*BOOK_COLUMNS, "rsi_14"]).features
