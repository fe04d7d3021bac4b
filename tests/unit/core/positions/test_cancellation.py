"""Whoever takes an order back learns what became of it."""

from __future__ import annotations

import pytest

from core.positions.cancellation import Ending, ending_of
from core.positions.model import Purpose
from shared.src.domain.orders import OrderStatus
from tests.unit.core.positions.cycles import known


@pytest.mark.parametrize(
    ("status", "executed", "code", "ending"),
    [
        (OrderStatus.CANCELED, "0", None, Ending.CANCELED),
        (OrderStatus.EXPIRED, "0", None, Ending.CANCELED),
        (OrderStatus.CANCELED, "1", None, Ending.PARTLY_FILLED),
        (OrderStatus.FILLED, "2", None, Ending.FILLED),
        (OrderStatus.REJECTED, "0", None, Ending.NEVER_SENT),
        (OrderStatus.REJECTED, "0", -2010, Ending.REFUSED),
        (OrderStatus.UNKNOWN, "0", None, Ending.NOT_KNOWN),
        (OrderStatus.NEW, "0", None, Ending.NOT_KNOWN),
    ],
)
def test_an_order_ended_as_its_fills_and_its_status_say(
    status: OrderStatus, executed: str, code: int | None, ending: Ending
) -> None:
    assert ending_of(known(Purpose.ENTRY, "2", status, executed=executed, reject_code=code).order) is ending
