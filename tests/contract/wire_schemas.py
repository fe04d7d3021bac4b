"""The shape of recorded JSON: fields and types, so that what the twin sends can be held against what Binance sent.

``python -m tests.contract.wire_schemas FOLDER`` derives ``recorded_schemas.json`` from a folder of recorded frames
again.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).with_name("recorded_schemas.json")
_EIGHT = re.compile(r"-?\d+\.\d{8}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")

Schema = dict[str, Any]


def scalar(value: Any) -> str:
    """The type of a leaf; amounts with eight decimals are a type of their own."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str() if _EIGHT.fullmatch(value):
            return "eight decimals"
        case str() if _NUMBER.fullmatch(value):
            return "number as text"
        case _:
            return "text"


def schema_of(value: Any) -> Schema:
    """The shape of one value."""
    if isinstance(value, dict):
        return {"fields": {name: schema_of(inner) for name, inner in value.items()}, "always": sorted(value)}
    if isinstance(value, list):
        if value and isinstance(value[0], dict) and "filterType" in value[0]:
            # filters differ by type: each has a shape of its own
            kinds = {entry["filterType"]: schema_of(entry) for entry in value}
            return {"fields": kinds, "always": []}
        if value and not isinstance(value[0], dict | list) and len({scalar(item) for item in value}) > 1:
            return {"tuple": [schema_of(item) for item in value]}
        return {"items": merge([schema_of(item) for item in value])}
    return {"types": [scalar(value)]}


def merge(schemas: Iterable[Schema]) -> Schema:
    """The shape that covers all of them; ``always`` keeps the fields that none lacks."""
    merged: Schema = {}
    for schema in schemas:
        merged = _merge_two(merged, schema)
    return merged


def _merge_two(first: Schema, second: Schema) -> Schema:
    if not first or not second:
        return first or second
    merged: Schema = {}
    if "types" in first or "types" in second:
        merged["types"] = sorted({*first.get("types", []), *second.get("types", [])})
    if "items" in first or "items" in second:
        merged["items"] = _merge_two(first.get("items", {}), second.get("items", {}))
    if "tuple" in first or "tuple" in second:
        merged["tuple"] = first.get("tuple") or second.get("tuple")
    if "fields" in first and "fields" in second:
        names = {**first["fields"], **second["fields"]}
        merged["fields"] = {
            name: _merge_two(first["fields"].get(name, {}), second["fields"].get(name, {})) for name in names
        }
        merged["always"] = sorted({*first["always"]} & {*second["always"]})
    return merged


def differences(recorded: Schema, sent: Schema, *, newer: frozenset[str], place: str = "") -> list[str]:
    """Where ``sent`` does not fit what was recorded; ``newer`` are fields that came to Binance after the recording."""
    missing = [name for name in recorded.get("always", []) if name not in sent.get("fields", {})]
    found = [f"{place}.{name} is missing" for name in missing]
    for name, inner in sent.get("fields", {}).items():
        known = recorded.get("fields", {}).get(name)
        if known is not None:
            found += differences(known, inner, newer=newer, place=f"{place}.{name}")
        elif name not in newer:
            found.append(f"{place}.{name} was never recorded")
    extra = set(sent.get("types", [])) - set(recorded.get("types", []))
    if extra and "text" not in recorded.get("types", []):
        found.append(f"{place} is {', '.join(sorted(extra))} instead of {', '.join(recorded.get('types', []))}")
    if sent.get("items") and recorded.get("items"):
        found += differences(recorded["items"], sent["items"], newer=newer, place=f"{place}[]")
    return found


def derive(folder: Path) -> dict[str, Schema]:
    """The shapes of every kind of message in a folder of recordings."""
    samples: dict[str, list[Any]] = {}
    with gzip.open(folder / "spot-stream-2021-10.log.gz", "rt") as frames:
        for line in frames:
            text = line.partition(": ")[2]
            if text.startswith("{"):
                message = json.loads(text)
                kind = message["stream"].partition("@")[2].partition("_")[0]
                samples.setdefault(f"stream {kind}", []).append(message["data"])
    for name, stem in (("GET depth", "depth-snapshots"), ("GET exchangeInfo", "exchangeInfo")):
        with gzip.open(folder / f"{stem}-2021-10.log.gz", "rt") as frames:
            for line in frames:
                text = line.partition(": ")[2]
                message = json.loads(text) if text.startswith("{") else {}
                if message.keys() & {"bids", "symbols"}:
                    samples.setdefault(name, []).append(message)
    for file in sorted((folder / "user-data").glob("ws_spot_execution_report_*.json")):
        message = json.loads(file.read_text())
        event = message.get("data", message)
        event = event.get("event", event)
        samples.setdefault("user executionReport", []).append(event)
    return {name: merge(schema_of(value) for value in values) for name, values in sorted(samples.items())}


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(derive(Path(sys.argv[1])), indent=1, sort_keys=True) + "\n")
