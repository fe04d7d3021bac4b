"""Fixtures of the contract tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.twin_rest import Door


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """A fresh twin spoken to over REST."""
    door = Door()
    async with door.http:
        yield door
