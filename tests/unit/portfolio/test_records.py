"""In memory."""

from __future__ import annotations

from tests.behaviour.portfolio.records import AccountRecordsBehaviour, EquityBehaviour, PerformanceBehaviour


class TestAccountRecords(AccountRecordsBehaviour): ...


class TestEquity(EquityBehaviour): ...


class TestPerformance(PerformanceBehaviour): ...
