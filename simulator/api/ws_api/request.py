"""Request frames of the WebSocket API: read, and the text their signature signs.

Signatures are verified over the parameters as the client wrote them: numbers keep their digits, names are sorted,
nothing is percent-encoded.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.api.params import Params
from simulator.engine.errors import ApiError

FLAGS = ("returnRateLimits",)
# Digits and sign of the longest number an id can be
ID_DIGITS_MAX = 20


@dataclass(frozen=True, slots=True)
class Request:
    """One request frame. ``values`` are its parameters as the client wrote them; ``return_limits`` is None when the
    frame leaves it to the connection."""

    number: Any
    method: str
    values: Mapping[str, str]
    return_limits: bool | None

    @property
    def params(self) -> Params:
        """What the call itself reads: a wish about the answer is not among it."""
        return Params({name: value for name, value in self.values.items() if name not in FLAGS})


def parse_request(text: str | bytes) -> Request:
    """Read a frame. Raises ApiError -1135 for what is no request."""
    try:
        frame = json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_Number)
        # half a surrogate pair is no text that could be answered
        json.dumps(frame, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ApiError(-1135, "JSON sent is not valid.") from error
    if not isinstance(frame, dict):
        raise ApiError(-1135, "JSON sent is not a request.")
    number = frame.get("id")
    if isinstance(number, _Number) and number.removeprefix("-").isdigit() and len(number) <= ID_DIGITS_MAX:
        number = int(number)
    is_text = isinstance(number, str) and not isinstance(number, _Number) and len(number) <= 36
    is_number = isinstance(number, int) and not isinstance(number, bool) and -(2**63) <= number < 2**63
    if not (number is None or is_text or is_number):
        raise ApiError(
            -1135, "Invalid 'id' in JSON request; expected a string up to 36 characters, an integer or null."
        )
    method, params = frame.get("method"), frame.get("params", {})
    if not isinstance(method, str) or isinstance(method, _Number):
        raise RequestError(number, ApiError(-1135, "Invalid 'method' in JSON request; expected a string."))
    if not isinstance(params, dict):
        raise RequestError(number, ApiError(-1135, "Invalid 'params' in JSON request; expected an object."))
    values = {name: _text(value) for name, value in params.items() if value is not None}
    wish = values.get("returnRateLimits")
    wanted = None if wish is None else wish.lower() != "false"
    return Request(number, method.removeprefix("v3/"), values, wanted)


class RequestError(Exception):
    """A frame that could be read far enough to know which request it was."""

    def __init__(self, number: Any, error: ApiError) -> None:
        super().__init__(error.message)
        self.number = number
        self.error = error


class _Number(str):
    """A JSON number as it was written, told apart from text."""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    return json.dumps(value, separators=(",", ":"))


def signing_payload(values: Mapping[str, str]) -> bytes:
    """What a WebSocket API signature signs."""
    pairs = sorted((name, value) for name, value in values.items() if name != "signature")
    return "&".join(f"{name}={value}" for name, value in pairs).encode()
