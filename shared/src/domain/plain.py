"""Values as JSON carries them in every API of the platform."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from shared.src.domain.money import wire


def plain(value: Any) -> Any:
    """The same value with amounts as text and times in ISO 8601, in mappings and lists too."""
    match value:
        case Decimal():
            return wire(value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return plain_row(value)
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return value


def plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same names with plain values."""
    return {name: plain(value) for name, value in row.items()}
