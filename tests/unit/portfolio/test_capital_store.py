"""In memory."""

from __future__ import annotations

from tests.behaviour.portfolio.capital_store import CapitalStoreBehaviour


class TestCapitalStore(CapitalStoreBehaviour): ...
