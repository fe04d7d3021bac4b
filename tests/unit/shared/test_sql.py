"""The states in SQL are those of the domain."""

from __future__ import annotations

import re
from pathlib import Path

from shared.src.domain.orders import ENDED, TERMINAL, UNRESOLVED, CycleStatus, OrderStatus
from shared.src.sql import ENDED_CYCLES, LIVE_ORDERS, UNRESOLVED_ORDERS

MIGRATIONS = Path(__file__).resolve().parents[3] / "database" / "migrations" / "versions"


def words(in_list: str) -> list[str]:
    return re.findall(r"'(\w+)'", in_list)


def test_the_lists_hold_what_the_domain_says() -> None:
    assert set(words(ENDED_CYCLES)) == ENDED
    assert set(words(UNRESOLVED_ORDERS)) == UNRESOLVED
    assert set(words(LIVE_ORDERS)) == set(OrderStatus) - TERMINAL


def test_the_text_is_the_same_in_every_process() -> None:
    assert ENDED_CYCLES == "('completed', 'canceled', 'failed')"
    assert LIVE_ORDERS == "('INTENT', 'SENT', 'UNKNOWN', 'PENDING_NEW', 'NEW', 'PARTIALLY_FILLED')"


def test_the_schema_allows_exactly_the_states_of_the_domain() -> None:
    schema = "".join(path.read_text(encoding="utf-8") for path in sorted(MIGRATIONS.glob("*.sql")))
    assert ", ".join(f"'{status}'" for status in CycleStatus) in schema
