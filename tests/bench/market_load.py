"""An exchange that only sends: market streams as fast as asked, REST with next to no history. A process of its own.

    python -m tests.bench.market_load --rate 20000 --seconds 20 --speed 60

Frames are written to the socket ready made: a library's cost per message would be the measurement. For each symbol and
minute of market there are one closed candle, 29 open ones (Binance sends one every 2 s) and as many best prices as the
rate leaves room for. Prints its port, then, when all is sent, what was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from shared.src.domain.candles import Timeframe

MINUTE_MS = 60_000
BURSTS_PER_S = 100
OPEN_PER_MINUTE = 29
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

KLINE = (
    '{"stream":"%(low)s@kline_1m","data":{"e":"kline","E":%(now)d,"s":"%(sym)s","k":{"t":%(t)d,"T":%(end)d,'
    '"s":"%(sym)s","i":"1m","f":100,"L":200,"o":"25.35190000","c":"25.%(n)08d","h":"26.00000000","l":"24.50000000",'
    '"v":"1000.12340000","n":%(n)d,"x":%(x)s,"q":"25361.12345678","V":"500.12000000","Q":"12680.50000000","B":"0"}}}'
)
TICK = (
    '{"stream":"%(low)s@bookTicker","data":{"u":%(u)d,"s":"%(sym)s","b":"25.35190000","B":"31.21000000",'
    '"a":"25.36520000","A":"40.66000000"}}'
)


def ready_made(text: str) -> bytes:
    """A text frame, unmasked as a server sends it."""
    data = text.encode()
    head = struct.pack(">BBH", 0x81, 126, len(data)) if len(data) > 125 else struct.pack(">BB", 0x81, len(data))
    return head + data


@dataclass
class Symbol:
    """Where one symbol is."""

    name: str
    open_ms: int
    update_id: int = 0
    trades: int = 0
    closed: int = 0

    def frame(self, kind: str, now_ms: int) -> bytes:
        low = self.name.lower()
        if kind == "tick":
            self.update_id += 1
            return ready_made(TICK % {"low": low, "sym": self.name, "u": self.update_id})
        self.trades += 1
        values = {
            "low": low,
            "sym": self.name,
            "now": now_ms,
            "t": self.open_ms,
            "end": self.open_ms + MINUTE_MS - 1,
            "n": self.trades,
            "x": "true" if kind == "closed" else "false",
        }
        if kind == "closed":
            self.open_ms += MINUTE_MS
            self.closed += 1
            self.trades = 0
        return ready_made(KLINE % values)


@dataclass
class Load:
    """Counts and the clock of the market."""

    rate: int
    seconds: float
    speed: float
    symbols: list[Symbol]
    start_ms: int
    began: float = 0.0
    sent: int = 0
    done: list[float] = field(default_factory=list)

    def market_ms(self) -> int:
        return self.start_ms + int((time.time() - self.began) * 1000 * self.speed)

    async def send(self, writer: asyncio.StreamWriter, own: list[Symbol]) -> None:
        """The share of one connection, in bursts."""
        share = self.rate * len(own) / len(self.symbols) / BURSTS_PER_S
        per_minute = MINUTE_MS / 1000 / self.speed * self.rate / len(self.symbols)
        open_every = max(2, round(per_minute / OPEN_PER_MINUTE))
        number, turn, began = 0, 0, time.monotonic()
        for symbol in own:
            symbol.open_ms = self.market_ms() // MINUTE_MS * MINUTE_MS
        while time.monotonic() - began < self.seconds:
            now_ms = self.market_ms()
            components = [symbol.frame("closed", now_ms) for symbol in own if symbol.open_ms + MINUTE_MS <= now_ms]
            due = int((time.monotonic() - began) * BURSTS_PER_S * share) - number
            for _ in range(max(0, due - len(components))):
                turn += 1
                symbol = own[turn % len(own)]
                components.append(symbol.frame("open" if turn // len(own) % open_every == 0 else "tick", now_ms))
            number += len(components)
            self.sent += len(components)
            writer.write(b"".join(components))
            await writer.drain()
            await asyncio.sleep(1 / BURSTS_PER_S)
        last = [symbol.frame("tick", self.market_ms()) for symbol in own]
        self.sent += len(last)
        writer.write(b"".join(last))
        await writer.drain()
        self.done.append(time.time())


async def serve(load: Load) -> None:
    connections = -(-2 * len(load.symbols) // 200)
    go = asyncio.Event()
    waiting = [0]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                path = line.split(b" ")[1].decode()
                key = b""
                while (header := await reader.readline()).strip():
                    if header.lower().startswith(b"sec-websocket-key:"):
                        key = header.split(b":", 1)[1].strip()
                if not key:
                    writer.write(answer(path, load))
                    await writer.drain()
                    continue
                accept = base64.b64encode(hashlib.sha1(key + GUID).digest())  # noqa: S324 - RFC 6455 wants it
                writer.write(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
                )
                names = parse_qs(urlsplit(path).query)["streams"][0].split("/")
                tickers = {name.split("@")[0].upper() for name in names if name.endswith("@bookTicker")}
                waiting[0] += 1
                if waiting[0] == connections:
                    go.set()
                await go.wait()
                await load.send(writer, [symbol for symbol in load.symbols if symbol.name in tickers])
                await asyncio.sleep(3600)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    load.began = time.time()
    print(
        json.dumps(
            {"port": server.sockets[0].getsockname()[1], "market_ms": load.start_ms, "wall_ms": int(load.began * 1000)}
        ),
        flush=True,
    )
    while len(load.done) < connections:  # noqa: ASYNC110 - connections end by themselves
        await asyncio.sleep(0.05)
    print(
        json.dumps(
            {
                "sent": load.sent,
                "closed": {symbol.name: symbol.closed for symbol in load.symbols},
                "update_ids": {symbol.name: symbol.update_id for symbol in load.symbols},
                "done_s": max(load.done),
            }
        ),
        flush=True,
    )
    await asyncio.to_thread(sys.stdin.read)


def higher_candles(path: str, load: Load) -> list[list[Any]]:
    query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
    timeframe, start_ms = Timeframe(query["interval"]), int(query["startTime"])
    if timeframe is Timeframe.M1 or start_ms < load.start_ms:
        return []
    step, end_ms = timeframe.milliseconds, min(int(query["endTime"]), load.market_ms())
    return [
        [open_ms, "25.3", "25.4", "25.2", "25.3", "1000", open_ms + step - 1, "25300", 100, "500", "12650", "0"]
        for open_ms in range(start_ms, end_ms + 1, step)
    ]


def answer(path: str, load: Load) -> bytes:
    """REST: a clock, and no history but the higher candles of the run: without them the gateway would ask for each that
    it cannot build until the request weight of its minute is used up.
    """
    body = json.dumps(higher_candles(path, load) if "klines" in path else {"serverTime": load.market_ms()}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--speed", type=float, default=60)
    parser.add_argument("--symbols", required=True)
    options = parser.parse_args()
    names = options.symbols.split(",")
    start_ms = 1_767_225_600_000
    load = Load(options.rate, options.seconds, options.speed, [Symbol(name, start_ms) for name in names], start_ms)
    asyncio.run(serve(load))


if __name__ == "__main__":
    main()
