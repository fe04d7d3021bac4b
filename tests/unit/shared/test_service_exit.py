"""How a service's process ends when it cannot start."""

from __future__ import annotations

import logging

import pytest

from shared.src.config import Settings
from shared.src.domain.errors import ConfigurationError, RootTradingError, TransientError
from shared.src.service import Service, start


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
