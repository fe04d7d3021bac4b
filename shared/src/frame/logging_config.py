"""Structured logs: one JSON object a line, with the service and the correlation id of what is being handled.

Errors are made without secrets. Should a library's own words ever hold one (a traceback, a warning), the line is
written without it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.json import JsonFormatter

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")


HIDDEN = "[hidden]"
NOISY = ("httpx", "httpcore", "uvicorn.access", "websockets", "asyncio", "waitress", "alembic", "binance", "aiohttp")


class _Context(logging.Filter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def filter(self, record: logging.LogRecord) -> bool:
        record.service = self._service
        if not hasattr(record, "correlation_id"):
            record.correlation_id = correlation_id.get()
        return True


class _WithoutSecrets(JsonFormatter):
    """Hides the values of secret settings wherever they stand in a line."""

    def __init__(self, secrets: Collection[str], **form: Any) -> None:
        super().__init__(**form)
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        return line


def configure_logging(service: str, level: str, *, secrets: Collection[str] = ()) -> None:
    """Send every log line of the process to stderr as JSON, without the ``secrets``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _WithoutSecrets(
            secrets,
            fmt="{levelname}{name}{message}",
            style="{",
            timestamp=True,
            rename_fields={"levelname": "level", "name": "logger"},
        )
    )
    handler.addFilter(_Context(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
