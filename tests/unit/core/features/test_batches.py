"""What a batch of candles asks for, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest

from core.features.batches import KnownBars, NewBars, planned
from shared.src.domain.candles import MINUTE_MS, Candle, Timeframe

BTC = ("BTCUSDC", Timeframe.M1)


@dataclass(frozen=True)
class Carrier:
    """A candle as a message has it, named by its minute and its price: 5 is minute 5, 5a the same corrected."""

    name: str
    symbol: str = "BTCUSDC"

    def candle(self) -> Candle:
        minute, price = int(self.name.rstrip("ab")), Decimal(100 + len(self.name.strip("0123456789")))
        if self.name.endswith("b"):
            price = Decimal(200)
        return Candle(self.symbol, Timeframe.M1, minute * MINUTE_MS, price, price, price, price, Decimal(1))


def steps(names: str, until: int | None = None) -> str:
    """The plan as text: new bars bare, known ones in brackets."""
    known = {} if until is None else {BTC: until * MINUTE_MS}
    texts = []
    for step in planned([Carrier(name) for name in names.split()], known):
        text = " ".join(carrier.name for carrier in step.candles)
        texts.append(text if isinstance(step, NewBars) else f"[{text}]")
    return " ".join(texts)


@pytest.mark.parametrize(
    ("batch", "until", "plan"),
    [
        ("1 2 3", None, "1 2 3"),
        ("1 2 3", 1, "[1] 2 3"),
        ("3 1 2 4", 2, "3 [1 2] 4"),
        ("1 2", 5, "[1 2]"),
        ("3 3 4", 2, "3 4"),
        ("3 3a 4", 2, "3 [3a] 4"),
        ("3 3a 3b 4", 2, "3 [3a 3b] 4"),
        ("3 4 3a", 2, "3 4 [3a]"),
        ("", None, ""),
    ],
)
def test_what_is_corrected_comes_before_what_follows_it(batch: str, until: int | None, plan: str) -> None:
    assert steps(batch, until) == plan


def test_each_series_has_its_own_place() -> None:
    batch = [Carrier("4"), Carrier("4", "ETHUSDC"), Carrier("5")]
    assert planned(batch, {BTC: 4 * MINUTE_MS}) == [KnownBars((batch[0],)), NewBars((batch[1], batch[2]))]
