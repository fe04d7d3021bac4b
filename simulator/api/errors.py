"""Errors of the API itself; those of the exchange live in simulator.engine.errors."""

from __future__ import annotations

from simulator.engine.errors import ApiError


def bad_key_format() -> ApiError:
    return ApiError(-2014, "API-key format invalid.", http_status=401)


def bad_key() -> ApiError:
    return ApiError(-2015, "Invalid API-key, IP, or permissions for action.", http_status=401)


def bad_signature() -> ApiError:
    return ApiError(-1022, "Signature for this request is not valid.")


def timed_out() -> ApiError:
    """The outcome of the call is unknown."""
    message = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
    return ApiError(-1007, message, http_status=504)


def bad_time_unit() -> ApiError:
    return ApiError(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
