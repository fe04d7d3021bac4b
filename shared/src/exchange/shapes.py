"""What an answer must be before anything in it is read.

JSON of another shape was written by somebody else (a proxy, a dying server): it says nothing, and asking again may
help.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.src.domain.errors import TransientError


def object_of(answer: Any, what: str) -> Mapping[str, Any]:
    """Raises TransientError when the answer is no object; ``what`` it was to be."""
    if not isinstance(answer, Mapping):
        raise TransientError(f"{what}: the exchange's answer is not an object")
    return answer


def objects_of(answer: Any, what: str) -> list[Mapping[str, Any]]:
    """Raises TransientError when the answer is no list of objects."""
    if not isinstance(answer, list) or not all(isinstance(row, Mapping) for row in answer):
        raise TransientError(f"{what}: the exchange's answer is not a list of objects")
    return answer


def list_of(answer: Any, what: str) -> list[Any]:
    """Raises TransientError when the answer is no list; what is in it is for whoever reads each row."""
    if not isinstance(answer, list):
        raise TransientError(f"{what}: the exchange's answer is not a list")
    return answer


def server_time_of(answer: Any) -> int:
    """Milliseconds since the epoch, from GET time. Raises TransientError when it is not there."""
    time_ms = object_of(answer, "time").get("serverTime")
    if not isinstance(time_ms, int):
        raise TransientError("time: the exchange's answer has none")
    return time_ms
