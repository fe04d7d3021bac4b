"""How a service's process listens, and how it ends when it cannot start."""

from __future__ import annotations

import logging
import socket

import pytest

from shared.src.config import Settings
from shared.src.domain.errors import ConfigurationError, RootTradingError, TransientError
from shared.src.frame.service import Service, listen_on, start


@pytest.mark.parametrize(
    ("error", "code", "traceback"),
    [
        (TransientError("binance: no route to host"), 1, False),
        (ConfigurationError("TRADER_PORT: taken"), 2, False),
        (RuntimeError("a defect"), 1, True),
    ],
    ids=["away", "misconfigured", "defect"],
)
async def test_a_service_that_cannot_start_says_why(
    error: Exception, code: int, traceback: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def build(_: Service) -> None:
        raise error

    with caplog.at_level(logging.ERROR):
        assert await start("trader", Settings(_env_file=None), build) == code
    [record] = caplog.records
    assert (record.exc_info is not None) == traceback
    if isinstance(error, RootTradingError):
        assert record.__dict__["reason"] == str(error)


def test_what_a_service_accepts_sends_the_second_part_of_an_answer_at_once() -> None:
    with listen_on("127.0.0.1", 0, "TRADER_PORT") as listener, socket.create_connection(listener.getsockname()):
        listener.setblocking(True)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
