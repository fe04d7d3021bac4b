"""The topics of a configuration, and how patiently they are created."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from shared.src.bus.kafka_topics import TopicPlan, ensure, planned
from shared.src.config import Settings, load_settings
from shared.src.domain.errors import RootTradingError, TransientError

PLANS = (TopicPlan("signals", 3, "-1"), TopicPlan("orders", 3, "-1"))


class FakeAdmin:
    """A broker that is away for the first ``silent`` questions."""

    def __init__(self, there: Iterable[str] = (), *, silent: int = 0, refuses: str = "") -> None:
        self.topics = set(there)
        self.silent = silent
        self.refuses = refuses
        self.created: list[str] = []

    def existing(self) -> set[str]:
        if self.silent:
            self.silent -= 1
            raise TransientError("no Kafka broker answers at kafka:9092: timed out")
        return set(self.topics)

    def create(self, plans: Iterable[TopicPlan]) -> set[str]:
        if self.refuses:
            raise RootTradingError(self.refuses)
        names = {plan.name for plan in plans}
        self.created += sorted(names)
        self.topics |= names
        return names


class FakeTime:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def create(admin: FakeAdmin, *, wait_s: float = 10) -> set[str]:
    time = FakeTime()
    return ensure(admin, PLANS, wait_s=wait_s, monotonic=time.monotonic, sleep=time.sleep)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("TRADING_SYMBOLS", "BTCUSDC,ETHUSDC")
    return load_settings()


def test_every_symbol_and_every_kind_of_decision_has_a_topic(settings: Settings) -> None:
    assert [plan.name for plan in planned(settings)] == [
        "market.data.btcusdc",
        "market.data.ethusdc",
        "signals",
        "orders",
        "executions",
        "logs.info",
        "logs.error",
        "logs.debug",
        "dead.letters",
    ]


def test_decisions_are_kept_forever_and_prices_for_a_week(settings: Settings) -> None:
    keep = {plan.name: plan.retention_ms for plan in planned(settings)}
    assert keep["orders"] == "-1"
    assert keep["market.data.btcusdc"] == str(7 * 24 * 3600 * 1000)


def test_only_missing_topics_are_created() -> None:
    admin = FakeAdmin(["signals"])
    assert create(admin) == {"orders"}
    assert admin.created == ["orders"]


def test_a_second_run_changes_nothing() -> None:
    admin = FakeAdmin()
    assert create(admin) == {"signals", "orders"}
    assert create(admin) == set()


def test_a_broker_that_comes_late_is_waited_for() -> None:
    assert create(FakeAdmin(silent=5)) == {"signals", "orders"}


def test_a_broker_that_never_comes_ends_with_its_name_and_the_time_waited() -> None:
    with pytest.raises(TransientError, match=r"kafka:9092.*gave up after 10 s"):
        create(FakeAdmin(silent=1000))


def test_a_refusal_is_not_repeated() -> None:
    with pytest.raises(RootTradingError, match="policy"):
        create(FakeAdmin(refuses="topic orders was refused: policy violation"))
