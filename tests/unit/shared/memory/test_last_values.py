"""The newest values in memory."""

from __future__ import annotations

import pytest

from shared.memory.last_values import MemoryLastValues
from shared.src.bus.ports import LastValues
from shared.src.clocks import SystemClock
from tests.behaviour.shared.last_values import LastValuesBehaviour


class TestMemoryLastValues(LastValuesBehaviour):
    @pytest.fixture
    def values(self) -> LastValues:
        return MemoryLastValues(SystemClock())
