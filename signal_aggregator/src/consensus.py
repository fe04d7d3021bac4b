"""Votes in, one decision per symbol, time frame and bar out; everything with its reason in ``trading_signals``."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime
from typing import Any

import orjson
from prometheus_client import Counter as Metric
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.consensus.decision import Consensus, ConsensusRules, NoConsensus, decide
from shared.src.bus.ports import FencedPublisher, Publisher
from shared.src.config import Settings
from shared.src.contracts.signals import ConsensusSignal, StrategyVotes
from shared.src.contracts.topics import CONSENSUS
from shared.src.database import Database
from shared.src.domain.clock import Clock, from_ms
from shared.src.domain.ids import derived_id
from shared.src.domain.money import score_to_decimal
from shared.src.domain.orders import Side
from shared.src.domain.signals import StrengthLevel

logger = logging.getLogger(__name__)

PRICE_PLACES = 12
DECISIONS = Metric("roottrading_consensus", "bars with votes, by outcome", ["outcome"])

COLUMNS = (
    "id, strategy, symbol, timeframe, side, timestamp, strength, level, confidence, price, stop_loss, take_profit,"
    " accepted, reason, votes, votes_count, metadata"
)
# One statement whatever the number of rows: a process that is frozen while it sends them has locked none yet.
INSERT = text(
    f"INSERT INTO trading_signals ({COLUMNS})"
    f" SELECT {COLUMNS} FROM jsonb_populate_recordset(CAST(NULL AS trading_signals), CAST(:rows AS jsonb))"
    " ON CONFLICT (symbol, timeframe, timestamp) DO NOTHING"
)
PUBLISHED = text("UPDATE trading_signals SET processed = TRUE WHERE id = ANY(:ids)")
ALREADY = text("SELECT id FROM trading_signals WHERE id = ANY(:ids) AND processed")
# younger rows are being published by whoever wrote them; rows that another replica is publishing are passed over
UNPUBLISHED = text(
    "SELECT metadata -> 'message' AS message FROM trading_signals WHERE accepted AND NOT processed"
    " AND created_at < now() - make_interval(secs => :age_s) ORDER BY timestamp LIMIT 200 FOR UPDATE SKIP LOCKED"
)
PENDING_S = 5.0
ONE = text("SELECT * FROM trading_signals WHERE id = :id")
RECENT = text(
    """
    SELECT id, strategy, symbol, timeframe, side, timestamp, strength, level, confidence, price, stop_loss, take_profit,
           accepted, reason, votes_count
    FROM trading_signals
    WHERE (CAST(:symbol AS text) IS NULL OR symbol = :symbol)
      AND (CAST(:accepted AS boolean) IS NULL OR accepted = :accepted)
    ORDER BY timestamp DESC LIMIT :limit
    """
)


class SignalAggregatorService:
    """Owns ``trading_signals``."""

    def __init__(
        self, *, database: Database, bus: Publisher, clock: Clock, rules: ConsensusRules, market_mode: str
    ) -> None:
        self._database = database
        self._bus = bus
        self._clock = clock
        self._rules = rules
        self._market_mode = market_mode
        self._outcomes: Counter[str] = Counter()

    def statistics(self) -> dict[str, Any]:
        return {"outcomes": dict(self._outcomes)}

    async def on_votes(self, messages: list[StrategyVotes], publisher: FencedPublisher) -> None:
        """Decide on each bar that has votes. The row is committed before the decision is published."""
        rows, signals = [], []
        for message in messages:
            if not message.votes:
                continue
            verdict = decide(message.votes, message.features, self._rules, self._market_mode)
            signal = None
            if isinstance(verdict, Consensus):
                signal = signal_of(message, verdict, occurred_at=self._clock.now())
            rows.append(decision_row(message, verdict, signal))
            outcome = "accepted" if signal else (getattr(verdict, "filter", None) or "refused")
            self._outcomes[outcome] += 1
            DECISIONS.labels(outcome).inc()
            if signal is not None:
                signals.append(signal)
        if rows:
            async with self._database.autocommit() as connection:
                inserted = await connection.execute(INSERT, {"rows": orjson.dumps(rows, default=str).decode()})
                if signals and inserted.rowcount != len(rows):
                    signals = await self._not_yet_published(connection, signals)
        if signals:
            await publisher.publish_many(CONSENSUS, signals)
            async with self._database.autocommit() as connection:
                await connection.execute(PUBLISHED, {"ids": [signal.message_id for signal in signals]})

    async def _not_yet_published(
        self, connection: AsyncConnection, signals: list[ConsensusSignal]
    ) -> list[ConsensusSignal]:
        """Without those of bars that came a second time."""
        answer = await connection.execute(ALREADY, {"ids": [signal.message_id for signal in signals]})
        already = set(answer.scalars())
        return [signal for signal in signals if signal.message_id not in already]

    async def publish_pending(self) -> None:
        """Publish decisions that a crash kept from being published."""
        while True:
            await self._publish_forgotten()
            await self._clock.sleep(PENDING_S)

    async def _publish_forgotten(self) -> None:
        async with self._database.begin() as connection:
            rows = (await connection.execute(UNPUBLISHED, {"age_s": PENDING_S})).all()
            signals = [CONSENSUS.decode(orjson.dumps(row.message)) for row in rows if row.message]
            if signals:
                await self._bus.publish_many(CONSENSUS, signals)
                await connection.execute(PUBLISHED, {"ids": [signal.message_id for signal in signals]})

    # Reading

    async def recent(self, *, symbol: str | None, accepted: bool | None, limit: int) -> list[dict[str, Any]]:
        async with self._database.autocommit() as connection:
            rows = await connection.execute(RECENT, {"symbol": symbol, "accepted": accepted, "limit": limit})
            return [dict(row) for row in rows.mappings()]

    async def explain(self, decision_id: str) -> dict[str, Any] | None:
        """One decision with the votes and numbers behind it."""
        async with self._database.autocommit() as connection:
            row = (await connection.execute(ONE, {"id": decision_id})).mappings().one_or_none()
            return dict(row) if row else None


def consensus_id(message: StrategyVotes) -> str:
    """The same bar always has the same decision id."""
    return derived_id("con", message.symbol, message.timeframe.value, message.time)


def rules_of(settings: Settings) -> ConsensusRules:
    """The rules as the user set them."""
    return ConsensusRules(min_votes=settings.min_votes)


def signal_of(message: StrategyVotes, verdict: Consensus, *, occurred_at: datetime) -> ConsensusSignal:
    """The message that carries an accepted decision."""
    return ConsensusSignal(
        message_id=consensus_id(message),
        correlation_id=message.correlation_id,
        occurred_at=occurred_at,
        symbol=message.symbol,
        timeframe=message.timeframe,
        time=message.time,
        close_time=message.close_time,
        side=Side(verdict.side),
        strength=verdict.strength,
        level=StrengthLevel.of(verdict.strength),
        confidence=verdict.confidence,
        price=message.price,
        stop_loss=_price(verdict.stop_loss),
        take_profit=_price(verdict.take_profit),
        strategy=verdict.strategy,
        strategies=verdict.strategies,
        families=verdict.families,
        regime=verdict.regime,
        atr=verdict.atr,
        reason=verdict.reason,
    )


def _price(value: float | None) -> Any:
    return None if value is None or value <= 0 else score_to_decimal(value, PRICE_PLACES)


def decision_row(
    message: StrategyVotes, verdict: Consensus | NoConsensus, signal: ConsensusSignal | None
) -> dict[str, Any]:
    """A decision as ``trading_signals`` has it, the refused ones too."""
    strongest = max(message.votes, key=lambda vote: (vote.strength, vote.strategy))
    return {
        "id": consensus_id(message),
        "strategy": signal.strategy if signal else strongest.strategy,
        "symbol": message.symbol,
        "timeframe": message.timeframe.value,
        "side": verdict.side,
        "timestamp": from_ms(message.close_time),
        "strength": min(1.0, max(0.0, verdict.strength)),
        "level": StrengthLevel.of(verdict.strength).value,
        "confidence": signal.confidence if signal else None,
        "price": message.price,
        "stop_loss": signal.stop_loss if signal else None,
        "take_profit": signal.take_profit if signal else None,
        "accepted": signal is not None,
        "reason": verdict.reason,
        "votes": [vote.model_dump(mode="json") for vote in message.votes],
        "votes_count": len(message.votes),
        "metadata": {
            "message": signal.model_dump(mode="json") if signal else None,
            "features": message.features,
            "filter": getattr(verdict, "filter", None),
        },
    }
