"""In memory."""

from __future__ import annotations

from tests.behaviour.portfolio.account import AccountBehaviour


class TestAccount(AccountBehaviour): ...
