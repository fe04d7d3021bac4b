"""What a person should look at, told the moment it is noticed."""

from __future__ import annotations

from enum import StrEnum

from shared.src.contracts.base import Message


class AlertLevel(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Alert(Message):
    """``source``: the service that noticed. A notice may be lost: what it tells of is also in the service's API."""

    level: AlertLevel
    source: str
    title: str
    detail: str
