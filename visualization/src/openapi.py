"""Prints the service's OpenAPI document without serving it: what the dashboard's types are generated from."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, Final

from pydantic import TypeAdapter

from shared.src.config import load_settings
from shared.src.contracts.orders import ExecutionEvent
from shared.src.frame.service import Service
from visualization.src.main import build
from visualization.src.views import TickerView

REFERENCE: Final = "#/components/schemas/{model}"
LIVE: Final[dict[str, TypeAdapter[Any]]] = {
    "TickerView": TypeAdapter(TickerView),
    "ExecutionEvent": TypeAdapter(ExecutionEvent),
}


async def document() -> dict[str, Any]:
    """The document, with the shapes that only the WebSocket sends. Composes the service and opens nothing."""
    service = Service("visualization", load_settings())
    await build(service)
    described = service.app.openapi()
    for name, shape in LIVE.items():
        schema = shape.json_schema(mode="serialization", ref_template=REFERENCE)
        described["components"]["schemas"] |= schema.pop("$defs", {}) | {name: schema}
    return described


def main() -> None:
    json.dump(asyncio.run(document()), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
