"""What the exchange answers when it says no: Binance's code, message and HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.src.domain.errors import RejectedError


class ApiError(RejectedError):
    """A refusal with Binance's code and message; ``data`` is what cancelReplace adds to the body."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        http_status: int = 400,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, code=code)
        self.error_code = code
        self.message = message
        self.http_status = http_status
        self.data = data
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The JSON body ``{"code", "msg"[, "data"]}``."""
        answer: dict[str, Any] = {"code": self.error_code, "msg": self.message}
        if self.data is not None:
            answer["data"] = dict(self.data)
        return answer


def filter_failure(name: str) -> ApiError:
    """-1013: the order breaks a filter of exchangeInfo."""
    return ApiError(-1013, f"Filter failure: {name}")


def new_order_rejected(message: str) -> ApiError:
    """-2010: the matching engine refused a new order."""
    return ApiError(-2010, message)


def cancel_rejected(message: str = "Unknown order sent.") -> ApiError:
    """-2011: nothing was cancelled."""
    return ApiError(-2011, message)


def amend_rejected(message: str) -> ApiError:
    """-2038: the order was not amended."""
    return ApiError(-2038, message)


def no_such_order() -> ApiError:
    """-2013: nobody knows the order."""
    return ApiError(-2013, "Order does not exist.")


def archived() -> ApiError:
    """-2026: the order is no longer in reach of the API."""
    message = "Order was canceled or expired with no executed qty over 90 days ago and has been archived."
    return ApiError(-2026, message)


INSUFFICIENT_BALANCE = "Account has insufficient balance for requested action."
WOULD_TRIGGER = "Order would trigger immediately."
WOULD_MATCH = "Order would immediately match and take."
# Reject reasons of execution reports (field r)
REJECT_REASONS = {
    INSUFFICIENT_BALANCE: "INSUFFICIENT_BALANCES",
    WOULD_TRIGGER: "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
    WOULD_MATCH: "WOULD_MATCH_IMMEDIATELY",
}
PRICES_RELATION = "The relationship of the prices for the orders is not correct."
