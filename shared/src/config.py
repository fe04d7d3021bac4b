"""Every setting of the platform, read once by each ``main`` from the environment.

The names are the documented ones; aliases keep older names working. A secret may also come from a file named by
``<NAME>_FILE`` (Docker secrets). A value that makes no sense refuses to start and names its variable. The sections are
in ``shared/src/settings``; what concerns several of them is checked here.
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import AliasChoices, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.src.clocks import parse_clock
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ConfigurationError
from shared.src.settings.exchange import ExchangeSettings, OptionalStream
from shared.src.settings.execution import ExecutionSettings
from shared.src.settings.exits import ExitLevelSettings
from shared.src.settings.risk import RiskSettings
from shared.src.settings.secret_files import SecretFiles
from shared.src.settings.services import SERVICES, ServiceSettings
from shared.src.settings.storage import StorageSettings
from shared.src.settings.trading import SYMBOLS_MAX, TradingMode, TradingSettings, symbols_of

SECRET_LENGTH_MIN = 8

__all__ = [
    "SERVICES",
    "SYMBOLS_MAX",
    "OptionalStream",
    "Settings",
    "TradingMode",
    "clock_from",
    "load_settings",
    "symbols_of",
]


class Settings(
    TradingSettings,
    ExchangeSettings,
    RiskSettings,
    ExecutionSettings,
    ExitLevelSettings,
    StorageSettings,
    ServiceSettings,
    BaseSettings,
):
    """All settings. ``.env.example`` lists exactly these, by test."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", populate_by_name=True, case_sensitive=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls)

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, values: Any) -> Any:
        """An empty variable (``NAME=`` in an env file) is a variable that is not set."""
        return {name: value for name, value in values.items() if value != ""} if isinstance(values, dict) else values

    def secrets(self) -> tuple[str, ...]:
        """The values of all secret settings, for whoever must not show them; a few signs are a word, no secret."""
        values = (getattr(self, name) for name in type(self).model_fields)
        shown = (value.get_secret_value() for value in values if isinstance(value, SecretStr))
        return tuple(value for value in shown if len(value) >= SECRET_LENGTH_MIN)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.demo_mode and self.trading_mode is TradingMode.LIVE:
            raise ValueError("DEMO_MODE=true contradicts TRADING_MODE=live")
        if self.trading_mode is TradingMode.LIVE:
            self._check_live()
        return self

    def _check_live(self) -> None:
        explicit = {
            name for name in ("trading_enabled", "max_position_size", "max_daily_loss") if name in self.model_fields_set
        }
        missing = [
            name
            for name, given in (
                ("BINANCE_API_KEY", self.binance_api_key.get_secret_value()),
                ("BINANCE_SECRET_KEY", self.binance_secret_key.get_secret_value()),
                ("TRADING_ENABLED", "trading_enabled" in explicit),
                ("MAX_POSITION_SIZE", "max_position_size" in explicit),
                ("MAX_DAILY_LOSS", "max_daily_loss" in explicit),
            )
            if not given
        ]
        if missing:
            raise ValueError(f"TRADING_MODE=live also needs {', '.join(missing)}")
        if self.simulator_url or self.platform_clock:
            raise ValueError("TRADING_MODE=live excludes SIMULATOR_URL and PLATFORM_CLOCK")


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Raises:
        ConfigurationError: names every variable that is missing or wrong, and why.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = [f"{_variable(item['loc'])}: {item['msg'].removeprefix('Value error, ')}" for item in error.errors()]
        raise ConfigurationError("; ".join(problems)) from error


def _variable(location: tuple[int | str, ...]) -> str:
    if not location:
        return "settings"
    name = str(location[0])
    field = Settings.model_fields.get(name.lower())
    alias = field.validation_alias if field else None
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else name


def clock_from(settings: Settings) -> Clock:
    """Real time, or the market time that ``PLATFORM_CLOCK`` names."""
    return parse_clock(settings.platform_clock)
