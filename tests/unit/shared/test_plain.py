"""Amounts leave as text, times with their zone."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from shared.src.domain.plain import plain


def test_amounts_leave_as_text_and_times_with_their_zone() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert plain({"a": Decimal("1E-8"), "b": [Decimal("10.50")], "c": at, "d": None}) == {
        "a": "0.00000001",
        "b": ["10.5"],
        "c": "2026-01-01T00:00:00+00:00",
        "d": None,
    }
