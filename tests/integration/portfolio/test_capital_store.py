"""In PostgreSQL."""

from __future__ import annotations

import pytest

from tests.behaviour.portfolio.capital_store import CapitalStoreBehaviour


@pytest.mark.integration
class TestCapitalStore(CapitalStoreBehaviour): ...
