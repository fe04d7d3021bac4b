"""Where the exchange is, who we are there, and what is taken of its market data."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, SecretStr, field_validator
from pydantic_settings import NoDecode

from shared.src.settings.fields import setting, words


class OptionalStream(StrEnum):
    """Market streams beyond 1m candles and best prices, which are always taken."""

    AGG_TRADE = "aggTrade"
    DEPTH = "depth"
    MINI_TICKER = "miniTicker"


Streams = Annotated[tuple[OptionalStream, ...], NoDecode]


class ExchangeSettings(BaseModel):
    """Binance, or the twin that stands in for it."""

    binance_api_key: SecretStr = setting(
        SecretStr(""), "BINANCE_API_KEY", "API_KEY", description="API key (spot trading only)"
    )
    binance_secret_key: SecretStr = setting(
        SecretStr(""), "BINANCE_SECRET_KEY", "API_SECRET", description="secret of the API key"
    )
    binance_rest_url: str = setting("https://api.binance.com", "BINANCE_REST_URL", description="REST base URL")
    binance_stream_url: str = setting(
        "wss://stream.binance.com:9443", "BINANCE_STREAM_URL", description="market stream base URL"
    )
    binance_ws_api_url: str = setting(
        "wss://ws-api.binance.com:443/ws-api/v3",
        "BINANCE_WS_API_URL",
        description="WebSocket API URL (user data)",
    )
    binance_archive_url: str = setting(
        "https://data.binance.vision", "BINANCE_ARCHIVE_URL", description="Binance's public archive of candles"
    )
    simulator_url: str = setting(
        "", "SIMULATOR_URL", description="base URL of a Binance twin; set, it replaces the three Binance URLs"
    )
    gateway_streams: Streams = setting(
        (),
        "GATEWAY_STREAMS",
        description="market streams beside candles and best prices: depth (order books), aggTrade, miniTicker",
    )
    stream_silence_s: float = setting(
        15.0, "STREAM_SILENCE_S", description="a market connection silent for this long is opened anew", gt=0
    )
    stream_life_s: float = setting(
        82_800.0,
        "STREAM_LIFE_S",
        description="a market connection is replaced at this age, without a gap (Binance ends it after 24 h)",
        gt=0,
        le=86_000,
    )
    verify_every_s: float = setting(
        900.0, "VERIFY_EVERY_S", description="stored candles are compared with the exchange's own this often", gt=0
    )
    recv_window_ms: int = setting(
        5000, "RECV_WINDOW_MS", description="how late a signed request may arrive", gt=0, le=60_000
    )

    @field_validator("gateway_streams", mode="before")
    @classmethod
    def _list_of_streams(cls, value: Any) -> Any:
        return words(value)

    @field_validator("binance_api_key", "binance_secret_key")
    @classmethod
    def _one_word(cls, key: SecretStr) -> SecretStr:
        """What cannot stand in a header would fail in every call, and show itself in the error."""
        bare = key.get_secret_value().strip()
        if not all("!" <= character <= "~" for character in bare):
            raise ValueError("a key is one word of plain letters, digits and signs")
        return SecretStr(bare)

    @property
    def rest_url(self) -> str:
        return (self.simulator_url or self.binance_rest_url).rstrip("/")

    @property
    def stream_url(self) -> str:
        base = self.simulator_url.replace("http", "ws", 1) if self.simulator_url else self.binance_stream_url
        return base.rstrip("/")

    @property
    def ws_api_url(self) -> str:
        return f"{self.stream_url}/ws-api/v3" if self.simulator_url else self.binance_ws_api_url
