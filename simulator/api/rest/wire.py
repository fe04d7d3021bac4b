"""How REST requests arrive and answers leave: raw bytes, parameters, signatures, headers, broken connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from simulator.api.auth import ApiKey, verify
from simulator.api.errors import bad_key, bad_key_format, bad_signature, bad_time_unit
from simulator.api.params import Params, missing
from simulator.api.state import TwinState
from simulator.engine.errors import ApiError

JSON_TYPE = "application/json;charset=UTF-8"
HTML_TYPE = "text/html"
KEY_LENGTH = 64
# Headers by their name in lower case
Head = Mapping[bytes, bytes]
_HTML = "<html>\r\n<head><title>{title}</title></head>\r\n<body><center><h1>{title}</h1></center></body>\r\n</html>\r\n"


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as received: its parameters, and the exact bytes that were signed."""

    params: Params
    payload: bytes
    signature: str | None

    @classmethod
    def read(cls, query: bytes, body: bytes) -> ReceivedRequest:
        """Query string and form body; the query wins. Raises ApiError -1101 for a parameter sent twice."""
        in_query, query_payload = _split(query)
        in_body, body_payload = _split(body)
        values = in_body | in_query
        return cls(Params(values), query_payload + body_payload, values.get("signature"))


def _split(raw: bytes) -> tuple[dict[str, str], bytes]:
    """The decoded parameters, and the bytes without the signature."""
    if not raw:
        return {}, b""
    values: dict[str, str] = {}
    text = raw.decode(errors="replace")
    encoded = "%" in text or "+" in text
    for part in text.split("&"):
        if not part:
            continue
        key, _, value = part.partition("=")
        if encoded:
            key, value = unquote_plus(key), unquote_plus(value)
        if key in values:
            raise ApiError(-1101, "Duplicate values for a parameter detected.")
        values[key] = value
    signed = [part for part in raw.split(b"&") if part and part.partition(b"=")[0] != b"signature"]
    return values, b"&".join(signed)


async def read_wire(request: Request, head: Head) -> ReceivedRequest:
    query: bytes = request.scope.get("query_string", b"")
    has_body = head.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in head
    body = await request.body() if has_body and request.method != "GET" else b""
    return ReceivedRequest.read(query, body)


def key_text(head: Head) -> str:
    """What header X-MBX-APIKEY says."""
    return head.get(b"x-mbx-apikey", b"").decode("latin-1")


def find_key(state: TwinState, text: str) -> ApiKey:
    """The key that a header names. Raises ApiError -2014 or -2015 (401)."""
    found = state.keys.get(text)
    if found is not None:
        return found
    if len(text) != KEY_LENGTH or not text.isalnum():
        raise bad_key_format()
    raise bad_key()


def check_signature(key: ApiKey, wire: ReceivedRequest) -> None:
    """Raises ApiError -1102 without a signature, -1022 for a wrong one."""
    if not wire.signature:
        raise missing("signature")
    if not verify(key, wire.payload, wire.signature):
        raise bad_signature()


def wants_microseconds(head: Head) -> bool:
    """Header X-MBX-TIME-UNIT. Raises ApiError -1194."""
    unit = head.get(b"x-mbx-time-unit")
    if unit is None:
        return False
    if unit.upper() not in {b"MICROSECOND", b"MILLISECOND"}:
        raise bad_time_unit()
    return unit.upper() == b"MICROSECOND"


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, JSON_TYPE)


def html_response(status: int, title: str, headers: Mapping[str, str] | None = None) -> Response:
    """What the front servers answer when the API does not: a page."""
    return Response(_HTML.format(title=f"{status} {title}"), status, headers, HTML_TYPE)


class BrokenResponse(Response):
    """An answer that never ends: the head promises more than comes, and the server closes the connection.

    With ``content`` the cut is in the middle of it.
    """

    def __init__(self, content: bytes = b"") -> None:
        super().__init__(content[: len(content) // 2], 200, {"content-length": str(len(content) + 1)}, JSON_TYPE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
