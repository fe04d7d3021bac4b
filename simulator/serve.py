"""Runs the twin on one port until it is told to stop, and says when it is ready.

The ready line, one line of JSON on stdout: ``{"rest", "streams", "ws_api", "control", "control_token", "accounts"}``;
with TLS also ``{"certificate", "trust"}``: the file to trust, and what to set so that a client does.
"""

import asyncio
import gc
import logging
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import uvicorn

from shared.src.domain.errors import ConfigurationError
from simulator.api.streams.sockets import socket_protocol
from simulator.app import create_app
from simulator.certificate import CertificateFiles, make_certificate
from simulator.fixture import DEFAULT_FIXTURE, Fixture, parse_fixture
from simulator.snapshot import StateWriter, restore
from simulator.twin import Twin

GRACE_S = 1
WATCH_S = 0.5

logger = logging.getLogger(__name__)


def bind(host: str, port: int) -> socket.socket:
    """Open the listening socket; port 0 takes a free one. Raises ConfigurationError when the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    listener.listen(2048)
    listener.setblocking(False)
    return listener


def _place(listener: socket.socket) -> tuple[str, int]:
    name = listener.getsockname()
    return str(name[0]), int(name[1])


def ready_line(twin: Twin, host: str, port: int, token: str, tls: CertificateFiles | None = None) -> dict[str, Any]:
    """Where everything is, the keys to trade with, and with TLS the certificate."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    mark = "" if tls is None else "s"
    rest, streams = f"http{mark}://{shown}:{port}", f"ws{mark}://{shown}:{port}"
    line = {
        "rest": rest,
        "streams": streams,
        "ws_api": f"{streams}/ws-api/v3",
        "control": f"{rest}/control/v1",
        "control_token": token,
        "accounts": twin.operations.account_keys(),
    }
    return line if tls is None else line | {"certificate": str(tls.certificate), "trust": tls.trust}


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the twin decides what a signal means."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def run(
    twin: Twin,
    listener: socket.socket,
    token: str,
    announce: Callable[[dict[str, Any]], None],
    state_file: Path | None = None,
    tls: CertificateFiles | None = None,
) -> bool:
    """Serve until SIGTERM or SIGINT; says whether it was SIGINT. Raises what broke the market if anything did."""
    config = uvicorn.Config(
        create_app(twin, token),
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws=socket_protocol(twin.connection_limits),
        ws_per_message_deflate=False,
        ws_max_size=1 << 20,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=75,
        server_header=False,
        ssl_certfile=None if tls is None else tls.certificate,
        ssl_keyfile=None if tls is None else tls.key,
    )
    server = _Server(config)
    stop, interrupted = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)

    def interrupt() -> None:
        interrupted.set()
        stop.set()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    await twin.start()
    serving = asyncio.create_task(server.serve([listener]))
    writer = StateWriter(twin, state_file) if state_file is not None else None
    writing = asyncio.create_task(writer.run()) if writer is not None else None
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn tells it by a flag only
        await asyncio.sleep(0.005)
    announce(ready_line(twin, *_place(listener), token, tls))
    try:
        await _watch(twin, serving, writing, stop)
    finally:
        twin.operations.announce_shutdown(None)
        server.should_exit = True
        await asyncio.wait({serving}, timeout=GRACE_S + 2)
        await twin.stop()
        if writing is not None and writer is not None:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            writer.save()
            writer.close()
    return interrupted.is_set()


async def _watch(
    twin: Twin, serving: asyncio.Task[None], writing: asyncio.Task[None] | None, stop: asyncio.Event
) -> None:
    """Wait for the order to stop, or for something to break."""
    waiting = asyncio.create_task(stop.wait())
    while not waiting.done():
        await asyncio.wait({waiting}, timeout=WATCH_S)
        twin.check()
        for task in (serving, writing):
            if task is not None and task.done():
                waiting.cancel()
                task.result()
                return


def _print_line(line: dict[str, Any]) -> None:
    sys.stdout.write(orjson.dumps(line).decode() + "\n")
    sys.stdout.flush()


def serve(
    host: str = "127.0.0.1",
    port: int = 8400,
    fixture: Fixture | None = None,
    control_token: str | None = None,
    state_file: Path | None = None,
    tls_folder: Path | None = None,
) -> None:
    """Run a twin in this process. An existing state file wins over the fixture's accounts and orders; with
    ``tls_folder`` it serves TLS with a certificate that it puts there.

    Raises ConfigurationError when the port is taken or the state file is not one, and KeyboardInterrupt once it has
    ended in good order after SIGINT.
    """
    started = fixture or parse_fixture(DEFAULT_FIXTURE)
    token = control_token or secrets.token_urlsafe(24)
    tls = make_certificate(tls_folder, host) if tls_folder is not None else None
    listener = bind(host, port)
    twin = restore(state_file, started) if state_file is not None and state_file.exists() else Twin(started)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        interrupted = runner.run(run(twin, listener, token, _print_line, state_file, tls))
    # or the interpreter looks for garbage in all it loaded on its way out: a second of CPU in which nobody is served
    gc.freeze()
    if interrupted:
        raise KeyboardInterrupt


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: it doubles what the streams can carry."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
