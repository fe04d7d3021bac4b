"""Every message on the wire, as it is today: a field that changes its name or form breaks here, not in a consumer."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from shared.src.contracts import topics
from shared.src.contracts.alerts import Alert, AlertLevel
from shared.src.contracts.market import (
    BookDepth,
    CandleMessage,
    DayStatistics,
    DepthBand,
    FeatureFrame,
    MarketTick,
    TradeFlow,
)
from shared.src.contracts.orders import DecisionMade, ExecutionEvent, OrderFailed, OrderIntent
from shared.src.contracts.portfolio import BalanceUpdated, CycleUpdated
from shared.src.contracts.signals import ConsensusSignal, StrategyVotes, Vote
from shared.src.contracts.topics import Topic
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.errors import ContractError
from shared.src.domain.orders import CycleStatus, IntentKind, LiquidityRole, Side
from shared.src.domain.signals import StrengthLevel

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).with_name("messages")
AT = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
OPEN_MS = 1_767_225_600_000
CLOSE_MS = OPEN_MS + 59_999


def vote() -> Vote:
    return Vote(
        message_id="EMA_Cross:BTCUSDC:1m:1767225600000",
        occurred_at=AT,
        strategy="EMA_Cross",
        family="trend_following",
        side=Side.BUY,
        strength=0.7,
        level=StrengthLevel.STRONG,
        confidence=0.65,
        price=Decimal("64000.12"),
        stop_loss=Decimal("62720"),
        take_profit=Decimal("66560"),
        reason="EMA 12 crossed over EMA 26",
        numbers={"ema_12": 64010.5},
    )


EXAMPLES: dict[str, tuple[Topic[Any], BaseModel]] = {
    "candle": (
        topics.CANDLE_CLOSED,
        CandleMessage.of(
            Candle(
                "BTCUSDC", Timeframe.M1, OPEN_MS, Decimal(64000), Decimal("64010.5"), Decimal("63990"),
                Decimal("64000.12"), Decimal("1.5"), Decimal("96000.18"), 42, Decimal("0.7"), Decimal("44800.08"),
            ),
            source="stream",
            occurred_at_ms=OPEN_MS + 60_000,
        ),
    ),
    "tick": (
        topics.KAFKA_TICK,
        MarketTick(
            message_id="BTCUSDC:7", occurred_at=AT, symbol="BTCUSDC", bid=Decimal("64000.11"),
            bid_quantity=Decimal("0.5"), ask=Decimal("64000.12"), ask_quantity=Decimal(2), update_id=7,
        ),
    ),
    "depth": (
        topics.KAFKA_DEPTH,
        BookDepth(
            message_id="BTCUSDC:depth:9", occurred_at=AT, symbol="BTCUSDC", bid=Decimal("64000.11"),
            bid_quantity=Decimal("0.5"), ask=Decimal("64000.12"), ask_quantity=Decimal(2), spread_bps=Decimal("0.0016"),
            bands=[DepthBand(percent=Decimal("0.1"), bid=Decimal(120000), ask=None)], imbalance=Decimal("-0.25"),
            update_id=9,
        ),
    ),
    "flow": (
        topics.KAFKA_FLOW,
        TradeFlow(
            message_id="BTCUSDC:flow:12", occurred_at=AT, symbol="BTCUSDC", first_id=7, last_id=12, missing=1,
            bought=Decimal("1.5"), sold=Decimal("0.25"), quote_volume=Decimal("112000.21"), last=Decimal("64000.12"),
        ),
    ),
    "day": (
        topics.KAFKA_DAY,
        DayStatistics(
            message_id="BTCUSDC:day:1767225660000", occurred_at=AT, symbol="BTCUSDC", open=Decimal(63000),
            high=Decimal(65000), low=Decimal(62000), last=Decimal("64000.12"), volume=Decimal("1200.5"),
            quote_volume=Decimal(76832000),
        ),
    ),
    "features": (
        topics.FEATURES,
        FeatureFrame(
            message_id="features:BTCUSDC:1m:1767225600000", occurred_at=AT, symbol="BTCUSDC", timeframe=Timeframe.M1,
            time=OPEN_MS, close_time=CLOSE_MS,
            values={"close": 64000.12, "rsi_14": None, "market_regime": "RANGING", "bb_squeeze": True},
        ),
    ),
    "votes": (
        topics.VOTES,
        StrategyVotes(
            message_id="votes:BTCUSDC:1m:1767225600000", occurred_at=AT, symbol="BTCUSDC", timeframe=Timeframe.M1,
            time=OPEN_MS, close_time=CLOSE_MS, price=Decimal("64000.12"), votes=(vote(),), features={"natr": 0.4},
        ),
    ),
    "consensus": (
        topics.CONSENSUS,
        ConsensusSignal(
            message_id="con-1", occurred_at=AT, symbol="BTCUSDC", timeframe=Timeframe.M1, time=OPEN_MS,
            close_time=CLOSE_MS, side=Side.BUY, strength=0.7, level=StrengthLevel.STRONG, confidence=0.65,
            price=Decimal("64000.12"), stop_loss=Decimal(62720), take_profit=Decimal(66560), strategy="EMA_Cross",
            strategies=("EMA_Cross", "MACD_Crossover"), families=("trend_following",), regime="RANGING", atr=120.5,
        ),
    ),
    "order_intent": (
        topics.ORDER_INTENT,
        OrderIntent(
            message_id="int-1", occurred_at=AT, symbol="BTCUSDC", kind=IntentKind.ENTRY, side=Side.BUY,
            quantity=Decimal("0.015"), reference_price=Decimal("64000.12"), reserved=Decimal("965.4"),
            stop_loss=Decimal(62720), take_profit=Decimal(66560), strategy="EMA_Cross", strength=0.7,
            consensus_id="con-1", decided_on=CLOSE_MS,
        ),
    ),
    "execution": (
        topics.EXECUTION,
        ExecutionEvent(
            message_id="exe-1", occurred_at=AT, execution_id="exe-1", order_id="17", client_order_id="rt-1", trade_id=9,
            intent_id="int-1", cycle_id="cyc-1", symbol="BTCUSDC", side=Side.BUY, price=Decimal("64000.12"),
            quantity=Decimal("0.015"), quote_quantity=Decimal("960.0018"), fee=Decimal("0.000015"), fee_asset="BTC",
            role=LiquidityRole.TAKER, purpose="entry", strategy="EMA_Cross", demo=True,
        ),
    ),
    "order_failed": (
        topics.ORDER_FAILED,
        OrderFailed(
            message_id="fail-1", occurred_at=AT, intent_id="int-1", symbol="BTCUSDC", side=Side.BUY,
            reason="spread 0.9 % is over MAX_SPREAD_PERCENT 0.5",
        ),
    ),
    "cycle": (
        topics.CYCLE_UPDATED,
        CycleUpdated(
            message_id="cyc-1:completed", occurred_at=AT, cycle_id="cyc-1", intent_id="int-1", symbol="BTCUSDC",
            strategy="EMA_Cross", side=Side.BUY, status=CycleStatus.COMPLETED, quantity=Decimal("0.015"),
            entry_price=Decimal("64000.12"), exit_price=Decimal(66560), profit_loss=Decimal("36.4"),
            profit_loss_percent=Decimal("3.79"),
        ),
    ),
    "decision": (
        topics.DECISION_MADE,
        DecisionMade(
            message_id="int-1:decided", occurred_at=AT, intent_id="int-1", consensus_id="con-1", symbol="BTCUSDC",
            side=Side.BUY, kind=IntentKind.ENTRY, approved=False, reason="5 positions are open",
        ),
    ),
    "balance": (
        topics.BALANCE_UPDATED,
        BalanceUpdated(message_id="bu-1", occurred_at=AT, asset="USDC", free=Decimal("9040.5"), locked=Decimal(0)),
    ),
    "alert": (
        topics.ALERT,
        Alert(
            message_id="al-1", occurred_at=AT, level=AlertLevel.ERROR, source="trader",
            title="order BTCUSDC/7 is set aside", detail="order 7 in BTCUSDC has no quantity yet",
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_wire_is_what_it_was(name: str) -> None:
    topic, message = EXAMPLES[name]
    golden = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert json.loads(topic.encode(message)) == golden
    assert topic.decode(json.dumps(golden)) == message


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_field_nobody_knows_is_refused(name: str) -> None:
    topic, message = EXAMPLES[name]
    with pytest.raises(ContractError, match="surprise"):
        topic.decode(json.dumps(json.loads(topic.encode(message)) | {"surprise": 1}))


@pytest.mark.parametrize(
    ("name", "change", "named"),
    [
        ("execution", {"quantity": "-1"}, "quantity"),
        ("execution", {"price": "NaN"}, "price"),
        ("execution", {"side": "HOLD"}, "side"),
        ("order_intent", {"reserved": "-0.01"}, "reserved"),
        ("candle", {"high": "1"}, "low <= open"),
        ("consensus", {"strength": 1.5}, "strength"),
        ("votes", {"timeframe": "7m"}, "timeframe"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_field(name: str, change: dict[str, Any], named: str) -> None:
    topic, message = EXAMPLES[name]
    with pytest.raises(ContractError, match=named):
        topic.decode(json.dumps(json.loads(topic.encode(message)) | change))


def test_every_topic_has_an_example() -> None:
    declared = {value.name for value in vars(topics).values() if isinstance(value, Topic)}
    covered = {topic.name for topic, _ in EXAMPLES.values()}
    assert declared == covered


@given(amount=st.decimals(min_value="0.000000000001", max_value=10**12, places=12))
def test_no_digit_of_money_is_lost_on_the_wire(amount: Decimal) -> None:
    topic, message = EXAMPLES["execution"]
    sent = message.model_copy(update={"quantity": amount})
    assert topic.decode(topic.encode(sent)).quantity == amount


def test_a_durable_topic_has_one_publisher() -> None:
    publishers: dict[str, set[str]] = {}
    names = {id(value): name for name, value in vars(topics).items() if isinstance(value, Topic)}
    for service in sorted(path.parent.parent.name for path in ROOT.glob("*/src/main.py")):
        # in one process the gateway's memory adapter does the dispatcher's part
        files = [path for path in (ROOT / service / "src").rglob("*.py") if not path.name.startswith("memory_")]
        text = "".join(path.read_text(encoding="utf-8") for path in files)
        for topic in topics.DURABLE:
            if re.search(rf"publish(_many)?\(\s*{names[id(topic)]}\b", text):
                publishers.setdefault(topic.name, set()).add(service)
    assert {topic: owners for topic, owners in publishers.items() if len(owners) > 1} == {}
