"""In PostgreSQL."""

from __future__ import annotations

import pytest

from tests.behaviour.portfolio.account import AccountBehaviour


@pytest.mark.integration
class TestAccount(AccountBehaviour): ...
