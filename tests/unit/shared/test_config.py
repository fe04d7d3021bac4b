"""Settings: documented names and aliases, safe defaults, refusals that name the variable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices

from shared.src.config import Settings, TradingMode, load_settings
from shared.src.domain.candles import Timeframe
from shared.src.domain.errors import ConfigurationError
from shared.src.domain.symbols import DEFAULT_SYMBOLS

PROJECT_ROOT = Path(__file__).resolve().parents[3]


def test_the_defaults_trade_paper_on_the_22_documented_symbols() -> None:
    settings = load_settings()
    assert settings.trading_mode is TradingMode.PAPER
    assert settings.trading_symbols == DEFAULT_SYMBOLS
    assert len(DEFAULT_SYMBOLS) == 22
    assert settings.entries_enabled


@pytest.mark.parametrize("value", ["paper", "demo", "PAPER", "Demo"])
def test_demo_is_another_name_of_paper(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TRADING_MODE", value)
    assert load_settings().trading_mode is TradingMode.PAPER


@pytest.mark.parametrize("alias", ["TRADING_SYMBOLS", "SYMBOLS", "SYMBOL"])
def test_every_documented_name_of_the_symbols_works(monkeypatch: pytest.MonkeyPatch, alias: str) -> None:
    monkeypatch.setenv(alias, "btcusdc, ETHUSDT")
    assert load_settings().trading_symbols == ("BTCUSDC", "ETHUSDT")


def test_an_empty_variable_is_a_variable_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_SYMBOLS", "")
    monkeypatch.setenv("PGPORT", "")
    assert load_settings().trading_symbols == DEFAULT_SYMBOLS
    assert load_settings().pgport == 5432


def test_a_secret_comes_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    monkeypatch.setenv("BINANCE_SECRET_KEY_FILE", str(tmp_path / "key"))
    assert load_settings().binance_secret_key.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(load_settings())


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"TRADING_MODE": "lvie"}, "TRADING_MODE"),
        ({"TRADING_MODE": "live"}, "BINANCE_API_KEY"),
        ({"TRADING_MODE": "live", "BINANCE_API_KEY": "k", "BINANCE_SECRET_KEY": "s"}, "TRADING_ENABLED"),
        ({"DEMO_MODE": "true", "TRADING_MODE": "live"}, "DEMO_MODE"),
        ({"TRADING_SYMBOLS": "BTC/USDC"}, "TRADING_SYMBOLS"),
        ({"SYMBOLS": "BTCUSDC;ETHUSDC"}, "TRADING_SYMBOLS"),
        ({"TRADING_SYMBOLS": "BTCUSDC,BTCUSDC"}, "TRADING_SYMBOLS"),
        ({"INTERVAL": "7m"}, "INTERVAL"),
        ({"PGPORT": "many"}, "PGPORT"),
        ({"TRADER_PORT": "70000"}, "TRADER_PORT"),
        ({"POCKET_CONFIG": "active=60,buffer=60,safety=10"}, "POCKET_CONFIG"),
        ({"MAX_DAILY_LOSS_PERCENT": "0"}, "MAX_DAILY_LOSS_PERCENT"),
        ({"MAX_DRAWDOWN_PERCENT": "101"}, "MAX_DRAWDOWN_PERCENT"),
        ({"MAX_STRATEGY_EXPOSURE_PERCENT": "all"}, "MAX_STRATEGY_EXPOSURE_PERCENT"),
        ({"MAX_DAILY_LOSS": "NaN"}, "MAX_DAILY_LOSS"),
        ({"CLUSTER_CORRELATION": "2"}, "CLUSTER_CORRELATION"),
        ({"PROTECTIONS": '[{"method": "Luck"}]'}, "PROTECTIONS"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
        ({"STOP_LOSS_PERCENT": "-2"}, "STOP_LOSS_PERCENT"),
        ({"PLATFORM_CLOCK": "fast"}, "PLATFORM_CLOCK"),
        ({"API_TOKEN": "short"}, "API_TOKEN"),
        ({"PGPASSWORD_FILE": "/nowhere/password"}, "PGPASSWORD_FILE"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=named):
        load_settings()


def test_reserve_is_another_name_of_the_buffer_pocket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKET_CONFIG", "active=50,reserve=40,safety=10")
    assert load_settings().pocket_shares()["buffer"] == 40


def test_a_twin_replaces_all_three_addresses_of_binance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_URL", "http://127.0.0.1:8400")
    settings = load_settings()
    assert settings.rest_url == "http://127.0.0.1:8400"
    assert settings.stream_url == "ws://127.0.0.1:8400"
    assert settings.ws_api_url == "ws://127.0.0.1:8400/ws-api/v3"


@pytest.mark.parametrize(("host", "shown"), [("::1", "[::1]"), ("fe80::1", "[fe80::1]"), ("db.example", "db.example")])
def test_an_address_of_ipv6_stands_in_brackets(monkeypatch: pytest.MonkeyPatch, host: str, shown: str) -> None:
    monkeypatch.setenv("PGHOST", host)
    assert f"@{shown}:5432/" in load_settings().database_url


def test_only_what_the_platform_stores_can_be_decided_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERVAL", "5m,30m")
    with pytest.raises(ConfigurationError, match="30m: the platform decides on 1m, 3m"):
        load_settings()


def test_several_intervals_can_be_decided_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERVAL", "5m, 1h")
    assert load_settings().interval == (Timeframe.M5, Timeframe.H1)


def test_the_example_file_names_exactly_the_settings() -> None:
    text = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    in_file = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE)
    in_code = []
    for field in Settings.model_fields.values():
        assert isinstance(field.validation_alias, AliasChoices)
        in_code.append(str(field.validation_alias.choices[0]))
    assert sorted(in_file) == sorted(in_code)


def test_the_example_file_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    defaults = load_settings()
    for name, value in re.findall(r"^#([A-Z][A-Z0-9_]+)=(.*)$", text, re.MULTILINE):
        monkeypatch.setenv(name, value)
    assert load_settings().model_dump() == defaults.model_dump()
