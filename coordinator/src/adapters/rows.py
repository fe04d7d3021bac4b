"""Rows of the table ``decisions``."""

from __future__ import annotations

from typing import Any

import orjson

from coordinator.src.decisions import Decision
from shared.src.contracts.topics import ORDER_INTENT

# What a list of decisions shows.
LISTED = (
    "intent_id",
    "consensus_id",
    "symbol",
    "side",
    "kind",
    "approved",
    "reason",
    "intent",
    "published",
    "decided_at",
)


def row_of(decision: Decision) -> dict[str, Any]:
    """A decision as it is written, not published yet."""
    return {
        "intent_id": decision.intent_id,
        "consensus_id": decision.signal.message_id,
        "symbol": decision.signal.symbol,
        "side": decision.signal.side.value,
        "kind": decision.kind.value,
        "approved": decision.intent is not None,
        "reason": decision.reason,
        "intent": orjson.loads(ORDER_INTENT.encode(decision.intent)) if decision.intent else None,
        "published": False,
        "decided_at": decision.decided_at,
    }
