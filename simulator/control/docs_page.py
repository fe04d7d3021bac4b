"""The page under ``/control/docs``: the control API's OpenAPI document for people, in one file that fetches nothing."""

from html import escape
from typing import Any

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1c2733}"
    "section{border:1px solid #d5dde5;border-radius:6px;margin:.6rem 0;padding:.5rem 1rem}"
    "b{display:inline-block;min-width:4.2rem;text-transform:uppercase}code{font-size:14px}"
    "p{white-space:pre-line}td{padding:.1rem .8rem .1rem 0;vertical-align:top}"
)


def control_page(document: dict[str, Any], prefix: str = "/control") -> str:
    """The document as HTML; ``prefix`` is where the API is mounted."""
    title = escape(document["info"]["title"])
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>",
        f"<h1>{title}</h1>",
        f"<p>Machine-readable: <a href={prefix}/openapi.json>{prefix}/openapi.json</a>. ",
        "Calls need the header <code>X-Control-Token</code>, which <code>simulator serve</code> printed.</p>",
    ]
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            text = escape(call.get("description", call.get("summary", ""))).replace("```", "")
            parts.append(f"<section><b>{method}</b> <code>{prefix}{escape(path)}</code><p>{text}</p>")
            parts.append(f"{_fields(document, call)}</section>")
    return "".join(parts)


def _fields(document: dict[str, Any], call: dict[str, Any]) -> str:
    """The body of a call as a table: name, type, whether it must be there."""
    schema = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    reference = next((part["$ref"] for part in (schema, *schema.get("anyOf", ())) if "$ref" in part), None)
    if reference is None:
        return ""
    model = document["components"]["schemas"][reference.rpartition("/")[2]]
    rows = [
        f"<tr><td><code>{escape(name)}</code><td>{escape(_kind(field))}"
        f"<td>{'required' if name in model.get('required', ()) else ''}</tr>"
        for name, field in model.get("properties", {}).items()
    ]
    return f"<table>{''.join(rows)}</table>"


def _kind(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    kinds = (_kind(part) for part in field.get("anyOf", ()) if part.get("type") != "null")
    return " | ".join(kinds) or str(field.get("type", "any"))
