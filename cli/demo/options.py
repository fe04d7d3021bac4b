"""What a demo is asked to be, checked before anything starts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.exits import missing, misused
from cli.stack.kafka.brokers import split_address
from cli.stack.twin_fixture import quote_of, twin_fixture
from shared.src.domain.symbols import DEFAULT_SYMBOLS, is_symbol

MARKET_START = "2026-01-01T00:00:00Z"
WARMUP_CANDLES = 500  # enough for every indicator but the slowest averages, and loaded in a few seconds
FILE_NAME = re.compile(r"^(\w+)-1m\b")


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """The options of ``roottrading demo``, after checking."""

    duration_s: float
    speed: float
    seed: int
    symbols: tuple[str, ...]
    replay: Path | None
    kafka: str

    def fixture(self) -> dict[str, Any]:
        """The twin's market: synthetic and seeded, or the candles of a file."""
        clock: dict[str, Any] = {"mode": "accelerated", "speed": self.speed}
        market: dict[str, Any] = {"kind": "synthetic"}
        if self.replay is not None:
            market = {"kind": "replay", "files": {self.symbols[0]: str(self.replay)}}
        elif self.speed == 1:
            clock = {"mode": "real"}
        else:
            clock["start"] = MARKET_START
        return twin_fixture(self.symbols, seed=self.seed, clock=clock, market=market)

    @property
    def quote_asset(self) -> str:
        """What the portfolio is valued in."""
        return quote_of(self.symbols[0])

    def overrides(self) -> dict[str, str]:
        """Settings of the services that follow from the options."""
        return {
            "TRADING_SYMBOLS": ",".join(self.symbols),
            "QUOTE_ASSET": self.quote_asset,
            "WARMUP_CANDLES": str(WARMUP_CANDLES),
        }


def demo_options(
    *,
    duration: float,
    speed: float,
    seed: int,
    symbols: str | None,
    replay: Path | None,
    kafka: str,
    default_symbols: tuple[str, ...] = DEFAULT_SYMBOLS,
) -> DemoOptions:
    """Check the options. ``default_symbols`` are traded when none are asked for.

    Raises:
        CommandError: an option makes no sense, or the file is not there.
    """
    if duration <= 0:
        raise misused("--duration must be positive", "seconds, for example --duration 180")
    if not 1 <= speed <= 1000:
        raise misused("--speed must lie between 1 and 1000", "1 is real time")
    if kafka not in ("embedded", "apache"):
        split_address(kafka)
    names = tuple(name.strip().upper() for name in (symbols or "").split(",") if name.strip())
    for name in names:
        quote_of(name)
    if replay is not None:
        replay = replay.expanduser().resolve()
        if not replay.is_file():
            raise missing(f"--replay: there is no file {replay}")
        names = (names or (symbol_of(replay),))[:1]
    return DemoOptions(duration, speed, seed, names or default_symbols, replay, kafka)


def symbol_of(file: Path) -> str:
    """The symbol in a kline archive's name (BTCUSDC-1m-2023-03.csv.gz).

    Raises:
        CommandError: the name does not begin with SYMBOL-1m.
    """
    match = FILE_NAME.match(file.name)
    if match is None or not is_symbol(match.group(1)):
        raise misused(
            f"--replay: {file.name} does not say its symbol", "name it SYMBOL-1m-..., or add --symbols SYMBOL"
        )
    return match.group(1)
