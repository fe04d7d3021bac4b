"""In PostgreSQL."""

from __future__ import annotations

import pytest

from tests.behaviour.portfolio.bookkeeping import BookkeepingBehaviour


@pytest.mark.integration
class TestBookkeeping(BookkeepingBehaviour): ...
