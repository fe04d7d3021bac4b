"""What every store of decisions does, in memory and in PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from core.consensus.bar_decision import decided
from core.consensus.decision import AUTO, ConsensusRules
from shared.memory.manual_clock import ManualClock
from shared.src.contracts.signals import ConsensusSignal, StrategyVotes
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import TransientError
from shared.src.domain.features import FeatureValue
from shared.src.domain.orders import Side
from shared.src.domain.signals import StrengthLevel
from shared.src.domain.votes import BarVotes, CastVote
from signal_aggregator.src.adapters.memory_signals import MemorySignalStore
from signal_aggregator.src.adapters.postgres_signals import PostgresSignalStore
from signal_aggregator.src.consensus import signal_of
from signal_aggregator.src.ports import DecidedBar, SignalStore

pytestmark = pytest.mark.integration

MINUTE = 60_000
START = 1_760_000_040_000 // MINUTE * MINUTE


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> SignalStore:
    if request.param == "postgres":
        return PostgresSignalStore(request.getfixturevalue("database"))
    return MemorySignalStore(ManualClock())


def vote(strategy: str, side: Side = Side.SELL) -> CastVote:
    price = Decimal("100.5")
    level = StrengthLevel.STRONG
    return CastVote(strategy, "breakout", side, 0.75, level, 0.8, price, None, None, "it broke", {"rsi": 71.0})


def decided_bar(minute: int = 0, *, symbol: str = "BTCUSDC", votes: int = 3) -> DecidedBar:
    """An accepted decision to sell of three votes, a refused one of a single vote."""
    cast = tuple(vote(f"Strategy_{number}") for number in range(votes))
    features: dict[str, FeatureValue] = {"close": 100.5, "atr_14": 0.5, "market_regime": "RANGING"}
    bar = BarVotes(symbol, Timeframe.M1, START + minute * MINUTE, Decimal("100.5"), cast, features)
    message = StrategyVotes.of(bar, correlation_id=f"c{minute}", occurred_at=from_ms(START))
    decision = decided(message, ConsensusRules(), AUTO)
    assert decision is not None
    return DecidedBar(decision, message, signal_of(decision, correlation_id="c", occurred_at=from_ms(START)))


class Outbox:
    """Takes what is published."""

    def __init__(self) -> None:
        self.signals: list[ConsensusSignal] = []

    async def __call__(self, signals: list[ConsensusSignal]) -> None:
        self.signals += signals


async def test_a_decision_is_kept_as_it_was_made(store: SignalStore) -> None:
    bar = decided_bar()
    assert await store.add([bar]) == frozenset()
    row = await store.one(bar.decision.id)
    assert row is not None
    assert (row["side"], row["accepted"], row["price"], row["level"]) == ("SELL", True, Decimal("100.5"), "WEAK")
    assert (row["timestamp"], row["votes_count"]) == (from_ms(START + MINUTE - 1), 3)
    assert row["stop_loss"] == bar.decision.stop_loss
    assert [one["strategy"] for one in row["votes"]] == ["Strategy_0", "Strategy_1", "Strategy_2"]
    assert row["metadata"]["message"] == bar.signal.model_dump(mode="json") if bar.signal else None
    assert row["metadata"]["features"] == bar.votes.features
    assert row["processed"] is False


async def test_a_refused_decision_says_why_and_has_no_levels(store: SignalStore) -> None:
    bar = decided_bar(votes=1)
    await store.add([bar])
    row = await store.one(bar.decision.id)
    assert row is not None
    assert row["reason"] == "1 of 2 agreeing strategies for SELL in RANGING"
    assert (row["accepted"], row["confidence"], row["stop_loss"], row["strategy"]) == (False, None, None, "Strategy_0")
    assert row["metadata"]["message"] is None


async def test_there_is_no_decision_of_an_unknown_id(store: SignalStore) -> None:
    assert await store.one("con-nothing") is None


async def test_the_first_decision_on_a_bar_counts(store: SignalStore) -> None:
    first, second = decided_bar(votes=3), decided_bar(votes=1)
    await store.add([first])
    await store.add([second])
    row = await store.one(first.decision.id)
    assert row is not None
    assert row["accepted"]


async def test_what_was_published_before_is_told_when_a_bar_comes_again(store: SignalStore) -> None:
    known, new = decided_bar(0), decided_bar(1)
    await store.add([known])
    assert await store.add([known]) == frozenset(), "a crash came before it was published"
    await store.mark_published([known.decision.id])
    assert await store.add([known, new]) == {known.decision.id}


async def test_what_a_crash_kept_from_being_published_is_published_once_oldest_first(store: SignalStore) -> None:
    bars = [decided_bar(1), decided_bar(0), decided_bar(2, votes=1)]
    await store.add(bars)
    outbox = Outbox()
    await store.publish_forgotten(outbox, older_than_s=-1)
    await store.publish_forgotten(outbox, older_than_s=-1)
    assert outbox.signals == [bars[1].signal, bars[0].signal]


async def test_what_was_kept_just_now_is_left_to_whoever_kept_it(store: SignalStore) -> None:
    await store.add([decided_bar()])
    outbox = Outbox()
    await store.publish_forgotten(outbox, older_than_s=60)
    assert outbox.signals == []


async def test_what_could_not_be_published_is_tried_again(store: SignalStore) -> None:
    await store.add([decided_bar()])

    async def fail(signals: list[ConsensusSignal]) -> None:
        raise TransientError("the bus is away")

    with pytest.raises(TransientError):
        await store.publish_forgotten(fail, older_than_s=-1)
    outbox = Outbox()
    await store.publish_forgotten(outbox, older_than_s=-1)
    assert len(outbox.signals) == 1


async def test_the_newest_come_first_and_can_be_chosen(store: SignalStore) -> None:
    bars = [decided_bar(0), decided_bar(1, votes=1), decided_bar(2, symbol="ETHUSDC")]
    await store.add(bars)

    async def found(symbol: str | None = None, accepted: bool | None = None, limit: int = 10) -> list[timedelta]:
        rows = await store.recent(symbol=symbol, accepted=accepted, limit=limit)
        assert all("votes" not in row for row in rows)
        return [row["timestamp"] - from_ms(START + MINUTE - 1) for row in rows]

    zero, one, two = (timedelta(minutes=number) for number in range(3))
    assert await found() == [two, one, zero]
    assert await found(limit=1) == [two]
    assert await found(symbol="BTCUSDC") == [one, zero]
    assert await found(accepted=False) == [one]
