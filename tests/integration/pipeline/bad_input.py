"""What nobody should send, made from an OpenAPI document: for every route, values that no schema expects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

TEXTS = (
    "",
    " ",
    "0",
    "-1",
    "1e400",
    "NaN",
    "Infinity",
    "9" * 400,
    "0x10",
    "١٢٣",
    "１２",
    "true",
    "null",
    "\u0000",
    "\ud7ff\U0001f4a5",
    "a" * 5000,
    "'; DROP TABLE orders; --",
    "%00",
    "../../etc/passwd",
    "{}",
    "2026-13-45T99:99:99Z",
    "9999999999999999999",
    "BTCUSDC",
)
VALUES = (
    "null",
    "true",
    "0",
    "-1",
    "1e400",
    "-1e400",
    "1e-400",
    "NaN",
    "Infinity",
    "-Infinity",
    "9" * 400,
    "0." + "1" * 400,
    '""',
    '"\\u0000"',
    '"\\ud800"',
    '"١٢٣"',
    '"' + "x" * 5000 + '"',
    "[]",
    "{}",
    "[" * 5000 + "]" * 5000,
    '{"a": {"a": {"a": 1}}}',
)
BODIES = (
    b"",
    b"{",
    b"null",
    b"[]",
    b"1",
    b'"text"',
    b"NaN",
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b"{}" * 2,
    b'{"symbol": "BTCUSDC", "symbol": "ETHUSDC"}',
    b'{"\\ud800": 1}',
    b"<order/>",
    b"x" * 70_000,
)
TYPES = (
    "application/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/xml",
    "",
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "PROPFIND")
PATHS = (
    "/..%2f..%2fetc/passwd",
    "/%00",
    "/%ff",
    "/order/",
    "/" + "a" * 5000,
    "/%E0%A4%A",
    "/order/%2e%2e",
    "/;x=1",
)
EXAMPLES = {"string": "BTCUSDC", "number": 1, "integer": 1, "boolean": True, "array": [], "object": {}}


@dataclass(frozen=True, slots=True)
class BadCall:
    method: str
    path: str
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


def bad_calls(document: dict[str, Any]) -> Iterator[BadCall]:
    """Calls of every route of a document, each wrong in one place."""
    for path, operations in document["paths"].items():
        plain = path.replace("{", "").replace("}", "")
        yield from (BadCall(method, plain) for method in METHODS if method.lower() not in operations)
        for method, operation in operations.items():
            yield from _of_operation(document, path, method.upper(), operation)
    yield from (BadCall(method, path) for path in PATHS for method in ("GET", "POST"))


def _of_operation(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> Iterator[BadCall]:
    parameters = operation.get("parameters", [])
    good = path
    for parameter in parameters:
        good = good.replace(f"{{{parameter['name']}}}", "BTCUSDC")
    for parameter in parameters:
        name = parameter["name"]
        for text in TEXTS:
            match parameter["in"]:
                case "path":
                    yield BadCall(method, path.replace(f"{{{name}}}", quote(text, safe="")))
                case "query":
                    yield BadCall(method, f"{good}?{name}={quote(text, safe='')}")
                    yield BadCall(method, f"{good}?{name}={quote(text, safe='')}&{name}=1")
                case "header" if text.isascii() and text.isprintable():
                    yield BadCall(method, good, b"{}", {name: text})
    schema = _body_schema(document, operation)
    if schema is None:
        return
    yield from (BadCall(method, good, body, {"Content-Type": kind}) for body in BODIES for kind in TYPES)
    yield from (
        BadCall(method, good, body, {"Content-Type": "application/json"}) for body in _wrong_fields(document, schema)
    )


def _wrong_fields(document: dict[str, Any], schema: dict[str, Any]) -> Iterator[bytes]:
    fields = schema.get("properties", {})
    required = schema.get("required", [])
    usual = {name: json.dumps(_example(document, fields[name])) for name in required if name in fields}
    for name in [*fields, "unknown"]:
        for value in VALUES:
            given = usual | {name: value}
            yield ("{" + ", ".join(f'"{key}": {text}' for key, text in given.items()) + "}").encode()


def _body_schema(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return None if content is None else _resolved(document, content["schema"])


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _example(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    schema = _resolved(document, schema)
    if "enum" in schema:
        return schema["enum"][0]
    for choice in schema.get("anyOf", []):
        return _example(document, choice)
    return EXAMPLES.get(schema.get("type", "string"), "BTCUSDC")
