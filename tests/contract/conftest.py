"""Fixtures of the contract tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.twin_rest import RestClient


@pytest.fixture
async def rest() -> AsyncIterator[RestClient]:
    """A fresh twin spoken to over REST."""
    rest = RestClient()
    async with rest.http:
        yield rest
