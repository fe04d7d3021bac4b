"""What a demo is asked to be, checked before anything starts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.exits import missing, misused
from cli.stack.kafka.brokers import split_address
from cli.twin import ACCOUNT

QUOTES = ("FDUSD", "USDC", "USDT", "TUSD", "DAI", "EUR", "BTC", "ETH", "BNB")
CAPITAL = "10000"
MARKET_START = "2026-01-01T00:00:00Z"
WARMUP_CANDLES = 500  # enough for every indicator but the slowest averages, and loaded in a few seconds
FILE_NAME = re.compile(r"^([A-Z0-9]{5,20})-1m\b")


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """The options of ``roottrading demo``, after checking. ``symbols`` empty: the platform's own list."""

    duration_s: float
    speed: float
    seed: int
    symbols: tuple[str, ...]
    replay: Path | None
    kafka: str

    def fixture(self) -> dict[str, Any]:
        """The twin's market: synthetic and seeded, or the candles of a file."""
        accelerated: dict[str, Any] = {"mode": "accelerated", "speed": self.speed}
        market: dict[str, Any] = {"kind": "synthetic"}
        if self.replay is not None:
            market = {"kind": "replay", "files": {self.symbols[0]: str(self.replay)}}
        elif self.speed == 1:
            accelerated = {"mode": "real"}
        else:
            accelerated["start"] = MARKET_START
        return _fixture(self.seed, accelerated, market, self.quote_asset)

    @property
    def quote_asset(self) -> str:
        return quote_of(self.symbols[0]) if self.symbols else "USDC"

    def overrides(self) -> dict[str, str]:
        """Settings of the services that follow from the options."""
        chosen = {"TRADING_SYMBOLS": ",".join(self.symbols)} if self.symbols else {}
        return chosen | {"QUOTE_ASSET": self.quote_asset, "WARMUP_CANDLES": str(WARMUP_CANDLES)}


def twin_fixture(symbols: tuple[str, ...], quote_asset: str) -> dict[str, Any]:
    """The twin of ``roottrading up --twin``: a synthetic market in real time."""
    for symbol in symbols:
        quote_of(symbol)
    return _fixture(seed=7, clock={"mode": "real"}, market={"kind": "synthetic"}, quote_asset=quote_asset)


def _fixture(seed: int, clock: dict[str, Any], market: dict[str, Any], quote_asset: str) -> dict[str, Any]:
    account = {"name": ACCOUNT, "balances": {quote_asset: CAPITAL}, "maker": "0.001", "taker": "0.001"}
    return {
        "seed": seed,
        "clock": clock,
        "market": market,
        "symbols": "default",
        "accounts": [account | {"key_type": "HMAC"}],
    }


def demo_options(
    *, duration: float, speed: float, seed: int, symbols: str | None, replay: Path | None, kafka: str
) -> DemoOptions:
    """Check the options.

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
    return DemoOptions(duration, speed, seed, names, replay, kafka)


def symbol_of(file: Path) -> str:
    """The symbol in a kline archive's name (BTCUSDC-1m-2023-03.csv.gz).

    Raises:
        CommandError: the name does not begin with SYMBOL-1m.
    """
    match = FILE_NAME.match(file.name)
    if match is None:
        raise misused(
            f"--replay: {file.name} does not say its symbol", "name it SYMBOL-1m-..., or add --symbols SYMBOL"
        )
    return match.group(1)


def quote_of(symbol: str) -> str:
    """The quote asset of a symbol.

    Raises:
        CommandError: it ends in no quote asset we know.
    """
    for quote in QUOTES:
        if symbol.isalnum() and symbol.endswith(quote) and len(symbol) > len(quote):
            return quote
    raise misused(f"--symbols: {symbol!r} is not a symbol such as BTCUSDC", "separate symbols by commas")
