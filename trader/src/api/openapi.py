"""The trader's API described: one table of routes, from which the OpenAPI document and the /docs page follow."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from trader.src.api.models import CloseCycle, ClosePosition, ManualOrder, OrdersQuery, PauseRequest


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    name: str
    summary: str
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None

    @property
    def needs_token(self) -> bool:
        return self.method != "get"

    @property
    def flask_path(self) -> str:
        return self.path.replace("{", "<").replace("}", ">")


ROUTES = (
    Route("get", "/health", "health", "Health of the trader and everything it depends on, the exchange included"),
    Route("get", "/diagnostic", "diagnostic", "Everything someone wants to see when the trader misbehaves"),
    Route("get", "/metrics", "metrics", "Metrics in Prometheus' format"),
    Route("get", "/orders", "orders", "Orders, open ones first", query=OrdersQuery),
    Route("get", "/order/{order_id}", "order", "One order by its client order id or the exchange's id"),
    Route("get", "/positions", "positions", "Open positions with unrealised profit"),
    Route("get", "/balance", "balance", "Balances on the exchange"),
    Route("get", "/prices", "prices", "Last price of every symbol"),
    Route("get", "/price/{symbol}", "price", "Best bid and ask of a symbol"),
    Route("get", "/stats", "stats", "Orders, success rate, volume, fees, realised and unrealised profit"),
    Route("get", "/config/pauses", "pauses", "What is paused, and why"),
    Route("post", "/order", "place", "Place an order by hand (header Idempotency-Key: safe to repeat)", ManualOrder),
    Route("post", "/execute-order", "place", "Another name of POST /order", ManualOrder),
    Route("post", "/trade", "place", "Another name of POST /order", ManualOrder),
    Route("delete", "/order/{order_id}", "cancel", "Cancel an open order"),
    Route("post", "/close/{cycle_id}", "close_cycle", "Close one position at market", CloseCycle),
    Route("post", "/close-position", "close_symbol", "Close every position in a symbol at market", ClosePosition),
    Route("post", "/config/pause", "pause", "No new positions: all, a symbol or a strategy", PauseRequest),
    Route("post", "/config/resume", "resume", "Lift a pause", PauseRequest),
)
ERRORS = {
    "400": "the body is not JSON",
    "401": "no valid token",
    "403": "the token's scope is too small (trade is needed)",
    "404": "there is no such thing",
    "409": "not possible in this state",
    "422": "refused, with the reason",
    "503": "something the trader depends on is away",
}


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "RootTrading trader",
            "version": "0.1.0",
            "description": "Orders, positions and control. Calls that change something need a token (scope trade).",
        },
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(route: Route) -> dict[str, Any]:
    answers: dict[str, Any] = {"200": {"description": "done"}}
    wanted = {"401", "403", "422", "400", "409", "404", "503"} if route.needs_token else {"503"}
    if "{" in route.path:
        wanted.add("404")
    if route.query is not None:
        wanted.add("422")
    answers |= {code: {"description": text} for code, text in ERRORS.items() if code in wanted}
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{route.method}_{route.path.strip('/').replace('/', '_').replace('{', '').replace('}', '')}",
        "responses": answers,
    }
    parameters = [*_path_parameters(route), *_query_parameters(route)]
    if route.name == "place":
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 200}})
    if parameters:
        operation["parameters"] = parameters
    if route.needs_token:
        operation["security"] = [{"token": []}]
    if route.body is not None:
        schema = route.body.model_json_schema(by_alias=False, mode="validation")
        schema["properties"] |= _aliases(route.body, schema["properties"])
        required = not {CloseCycle, PauseRequest} & {route.body}
        operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": _inline(schema)}}}
    return operation


def _aliases(body: type[BaseModel], properties: dict[str, Any]) -> dict[str, Any]:
    """The other documented names of a field."""
    if body is not ManualOrder:
        return {}
    return {
        "signal_type": properties["side"] | {"description": "another name of side"},
        "order_type": properties["type"] | {"description": "another name of type"},
    }


def _inline(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its definitions in place of the references to them."""
    definitions = schema.pop("$defs", {})

    def resolve(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                found = definitions[value["$ref"].rsplit("/", 1)[1]]
                return {**found, **{name: item for name, item in value.items() if name != "$ref"}}
            return {name: resolve(item) for name, item in value.items()}
        return [resolve(item) for item in value] if isinstance(value, list) else value

    resolved: dict[str, Any] = resolve(schema)
    return resolved


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = _inline(route.query.model_json_schema())
    return [{"name": name, "in": "query", "schema": item} for name, item in schema["properties"].items()]


STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1c2733}"
    "section{border:1px solid #d5dde5;border-radius:6px;margin:.6rem 0;padding:.5rem 1rem}"
    "b{display:inline-block;min-width:4.2rem;text-transform:uppercase}code{font-size:14px}"
    "table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0;vertical-align:top}"
)


def page() -> str:
    """The /docs page: no script, nothing fetched from elsewhere."""
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>RootTrading trader</title><style>{STYLE}</style>"
    ]
    parts.append("<h1>RootTrading trader</h1><p>Machine-readable: <a href=/openapi.json>/openapi.json</a>. ")
    parts.append("Calls that change something need <code>Authorization: Bearer TOKEN</code> with scope trade.</p>")
    for route in ROUTES:
        token = " (token)" if route.needs_token else ""
        parts.append(f"<section><b>{route.method}</b> <code>{html.escape(route.path)}</code>{token}")
        parts.append(f"<p>{html.escape(route.summary)}</p>{_fields(route.body or route.query)}</section>")
    return "".join(parts)


def _fields(model: type[BaseModel] | None) -> str:
    if model is None:
        return ""
    rows = []
    for name, field in model.model_fields.items():
        need = "required" if field.is_required() else f"default {html.escape(str(field.default))}"
        rows.append(f"<tr><td><code>{name}</code><td>{need}<td>{html.escape(field.description or '')}</tr>")
    return f"<table>{''.join(rows)}</table>"
