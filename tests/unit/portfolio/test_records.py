"""In memory."""

from __future__ import annotations

from tests.behaviour.portfolio.records import AccountRecordsBehaviour, PerformanceBehaviour


class TestAccountRecords(AccountRecordsBehaviour): ...


class TestPerformance(PerformanceBehaviour): ...
