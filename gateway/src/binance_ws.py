"""The gateway's connection to Binance's market streams; the twin mirrors a market over the same one."""

from shared.src.exchange.market_stream import BinanceWebSocket

__all__ = ["BinanceWebSocket"]
