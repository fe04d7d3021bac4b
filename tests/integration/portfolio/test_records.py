"""In PostgreSQL."""

from __future__ import annotations

import pytest

from tests.behaviour.portfolio.records import AccountRecordsBehaviour, PerformanceBehaviour


@pytest.mark.integration
class TestAccountRecords(AccountRecordsBehaviour): ...


@pytest.mark.integration
class TestPerformance(PerformanceBehaviour): ...
