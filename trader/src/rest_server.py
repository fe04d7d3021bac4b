"""The trader's control API: Flask, served by waitress in a thread of its own.

It decides nothing: every call is handed to the trader's loop and the answer waited for, so the loop alone touches
orders and connections. The routes are in ``api/routes.py``.
"""

from __future__ import annotations

import asyncio
import logging
import threading

from waitress import create_server

from shared.src.frame.service import Service, listen_on
from trader.src.api.app import trader_app
from trader.src.api.control import TraderControl
from trader.src.api.loop import TraderLoop

logger = logging.getLogger(__name__)

THREADS = 16
# The application refuses bodies over 64 KiB with its reason; the server cuts off what is larger by far.
RECEIVED_BYTES_MAX = 1024 * 1024


class RestApiServer:
    """Made on the loop it serves; ``run`` is a task of the service."""

    def __init__(self, service: Service, control: TraderControl) -> None:
        self._loop = asyncio.get_running_loop()
        settings = service.settings
        listener = listen_on(settings.bind_address, settings.port_of(service.name), "TRADER_PORT")
        self.port = listener.getsockname()[1]
        self._server = create_server(
            trader_app(
                TraderLoop(
                    self._loop,
                    control,
                    service.answers,
                    service.health.report,
                    service.diagnostic,
                    reads_need_token=settings.reads_need_token,
                )
            ),
            sockets=[listener],
            threads=THREADS,
            ident="roottrading",
            clear_untrusted_proxy_headers=True,
            max_request_body_size=RECEIVED_BYTES_MAX,
        )
        self._thread = threading.Thread(target=self._serve, name="rest", daemon=True)
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Serve until stopped; ends when the server's thread does."""
        self._thread.start()
        await self._ended.wait()

    async def stop(self) -> None:
        """Take no more calls; those under way finish."""
        await self._loop.run_in_executor(None, self._server.close)
        self._server.task_dispatcher.shutdown(timeout=2)

    def _serve(self) -> None:
        try:
            self._server.run()
        except OSError as error:
            logger.debug("listener closed", extra={"reason": str(error)})
        finally:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._ended.set)
