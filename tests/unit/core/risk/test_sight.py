"""Nothing is bought by a trader that does not see what happens to the account."""

from __future__ import annotations

import pytest

from core.risk.sight import blind_refusal


@pytest.mark.parametrize(
    ("compared_s_ago", "hears", "reason"),
    [
        (None, True, "not compared with the exchange yet"),
        (None, False, "not compared with the exchange yet"),
        (1.0, True, ""),
        (1.0, False, ""),
        (20.0, False, ""),
        (21.0, False, "no events arrive"),
        (21.0, True, ""),
        (60.0, True, ""),
        (61.0, True, "last compared with the exchange 61 s ago"),
    ],
)
def test_an_entry_needs_a_fresh_comparison_and_events_or_a_newer_one(
    compared_s_ago: float | None, hears: bool, reason: str
) -> None:
    refusal = blind_refusal(compared_s_ago, hears=hears)
    assert reason in refusal
    assert bool(refusal) is bool(reason)
