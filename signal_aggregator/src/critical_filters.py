"""The critical filters as this service runs them: by the user's settings, and with a count of what each refuses.

What a filter refuses and why is decided in ``core.consensus.critical_filters``.
"""

from __future__ import annotations

from prometheus_client import Counter

from core.consensus.bar_decision import BarDecision, rules_of
from core.consensus.decision import ConsensusRules
from shared.src.config import Settings

DECISIONS = Counter("roottrading_consensus", "bars with votes, by outcome", ["outcome"])


def consensus_rules(settings: Settings) -> ConsensusRules:
    """How much agreement a decision needs, and the limits of the filters."""
    return rules_of(settings)


def count_outcome(decision: BarDecision) -> str:
    """Count a decision; returns what became of it: accepted, the filter that refused, or refused for another reason."""
    outcome = "accepted" if decision.accepted else decision.filter or "refused"
    DECISIONS.labels(outcome).inc()
    return outcome
