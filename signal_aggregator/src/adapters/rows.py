"""A decision as ``trading_signals`` has it, the refused ones too."""

from __future__ import annotations

from typing import Any, Final

from shared.src.domain.clock import from_ms
from signal_aggregator.src.ports import DecidedBar

LISTED: Final = (
    *("id", "strategy", "symbol", "timeframe", "side", "timestamp", "strength", "level", "confidence", "price"),
    *("stop_loss", "take_profit", "accepted", "reason", "votes_count"),
)
COLUMNS: Final = (*LISTED, "votes", "metadata")


def row_of(decided: DecidedBar) -> dict[str, Any]:
    """The columns of a decision, those that the database fills in left out."""
    decision, votes, signal = decided.decision, decided.votes, decided.signal
    return {
        "id": decision.id,
        "strategy": decision.strategy,
        "symbol": votes.symbol,
        "timeframe": votes.timeframe.value,
        "side": decision.verdict.side,
        "timestamp": from_ms(votes.close_time),
        "strength": decision.strength,
        "level": decision.level.value,
        "confidence": decision.confidence,
        "price": votes.price,
        "stop_loss": decision.stop_loss,
        "take_profit": decision.take_profit,
        "accepted": decision.accepted,
        "reason": decision.verdict.reason,
        "votes_count": len(votes.votes),
        "votes": [vote.model_dump(mode="json") for vote in votes.votes],
        "metadata": {
            "message": signal.model_dump(mode="json") if signal else None,
            "features": votes.features,
            "filter": decision.filter,
        },
    }
