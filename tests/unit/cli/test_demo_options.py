"""The demo's options are checked before anything starts, and each error names what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.demo.options import demo_options
from cli.exits import CommandError, ExitCode
from shared.src.domain.symbols import DEFAULT_SYMBOLS
from simulator.fixture import parse_fixture


def options(**changes: Any) -> Any:
    defaults: dict[str, Any] = {
        "duration": 180,
        "speed": 60,
        "seed": 7,
        "symbols": None,
        "replay": None,
        "kafka": "embedded",
    }
    return demo_options(**(defaults | changes))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"duration": 0}, "--duration"),
        ({"speed": 0.5}, "--speed"),
        ({"speed": 5000}, "--speed"),
        ({"symbols": "BTC/USDC"}, "'BTC/USDC'"),
        ({"symbols": "BTCUSDC,,NOPE"}, "'NOPE'"),
        ({"kafka": "somewhere"}, "KAFKA_BROKER"),
        ({"kafka": "host:99999"}, "KAFKA_BROKER"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(CommandError, match=named) as caught:
        options(**changes)
    assert caught.value.code is ExitCode.USAGE


def test_a_replay_file_that_is_not_there_is_reported_as_missing(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no file") as caught:
        options(replay=tmp_path / "BTCUSDC-1m.csv")
    assert caught.value.code is ExitCode.MISSING


def test_a_replay_trades_the_symbol_of_its_file_in_that_quote_asset(tmp_path: Path) -> None:
    file = tmp_path / "ETHUSDT-1m-2024-01.csv.gz"
    file.touch()
    chosen = options(replay=file)
    fixture = chosen.fixture()
    assert chosen.symbols == ("ETHUSDT",)
    assert fixture["market"] == {"kind": "replay", "files": {"ETHUSDT": str(file)}}
    assert fixture["accounts"][0]["balances"] == {"USDT": "10000"}
    assert chosen.overrides()["TRADING_SYMBOLS"] == "ETHUSDT"
    assert chosen.overrides()["QUOTE_ASSET"] == "USDT"


def test_a_file_name_without_a_symbol_needs_one_to_be_given(tmp_path: Path) -> None:
    file = tmp_path / "candles.csv"
    file.touch()
    with pytest.raises(CommandError, match="does not say its symbol"):
        options(replay=file)
    assert options(replay=file, symbols="solusdc").symbols == ("SOLUSDC",)


def test_the_same_options_make_the_same_market() -> None:
    assert options(seed=3).fixture() == options(seed=3).fixture()
    assert options(seed=3).fixture() != options(seed=4).fixture()


def test_without_symbols_the_platforms_own_list_is_traded() -> None:
    assert options().symbols == DEFAULT_SYMBOLS
    assert options().fixture()["symbols"] == "default"
    assert options(default_symbols=("BTCUSDC", "ETHUSDC")).symbols == ("BTCUSDC", "ETHUSDC")


@pytest.mark.parametrize("symbols", ["BTCUSDC,ETHUSDT", "XYZFDUSD", "ETHBTC", ",".join(DEFAULT_SYMBOLS)])
def test_the_twin_lists_exactly_the_symbols_asked_for_whatever_they_are(symbols: str) -> None:
    parsed = parse_fixture(options(symbols=symbols).fixture())
    assert tuple(part.symbol for part in parsed.symbols) == tuple(symbols.split(","))
    assert {part.quote for part in parsed.symbols} == set(parsed.accounts[0].balances)
