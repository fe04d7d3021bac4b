"""In memory."""

from __future__ import annotations

from tests.behaviour.portfolio.bookkeeping import BookkeepingBehaviour


class TestBookkeeping(BookkeepingBehaviour): ...
