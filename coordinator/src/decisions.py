"""Decisions as the coordinator keeps and tells them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.risk.entry_decisions import ApprovedExit, SignalVerdict, intent_id_of, kind_of
from core.risk.verdicts import Approved, Refused
from shared.src.contracts.orders import DecisionMade, OrderIntent
from shared.src.contracts.signals import ConsensusSignal
from shared.src.domain.money import ZERO
from shared.src.domain.orders import IntentKind


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided; ``intent`` is there when it was approved."""

    intent_id: str
    signal: ConsensusSignal
    kind: IntentKind
    reason: str
    decided_at: datetime
    intent: OrderIntent | None = None

    def notice(self) -> DecisionMade:
        return DecisionMade(
            message_id=self.intent_id,
            occurred_at=self.decided_at,
            correlation_id=self.signal.correlation_id,
            intent_id=self.intent_id,
            consensus_id=self.signal.message_id,
            symbol=self.signal.symbol,
            side=self.signal.side,
            kind=self.kind,
            approved=self.intent is not None,
            reason=self.reason,
        )


def decision_of(
    signal: ConsensusSignal, verdict: SignalVerdict, *, now: datetime, trailing_delta_bips: int | None
) -> Decision:
    """A verdict as a decision, with the intent that carries it out when it approves."""
    match verdict:
        case Refused(reason):
            return Decision(intent_id_of(signal), signal, kind_of(signal), reason, now)
        case ApprovedExit(cycles):
            intent = _intent(signal, now)
            reason = f"closes {', '.join(cycles)}"
        case Approved():
            intent = _intent(
                signal,
                now,
                quantity=verdict.quantity,
                reserved=verdict.cost,
                pocket=verdict.pocket,
                stop_loss=verdict.levels.stop_loss,
                take_profit=verdict.levels.take_profit,
                trailing_delta_bips=trailing_delta_bips,
            )
            reason = f"{signal.side} by {len(signal.strategies)} strategies, strength {signal.strength:.2f}"
    return Decision(intent.message_id, signal, intent.kind, reason, now, intent)


def _intent(signal: ConsensusSignal, now: datetime, **entry: Any) -> OrderIntent:
    """The intent of a decision; ``entry``: what an entry says besides what an exit does."""
    common: dict[str, Any] = {
        "message_id": intent_id_of(signal),
        "correlation_id": signal.correlation_id,
        "occurred_at": now,
        "symbol": signal.symbol,
        "kind": kind_of(signal),
        "side": signal.side,
        "reference_price": signal.price,
        "reserved": ZERO,
        "strategy": signal.strategy,
        "strength": signal.strength,
        "consensus_id": signal.message_id,
        "decided_on": signal.close_time,
        "reason": signal.reason,
    }
    return OrderIntent(**(common | entry))
