"""What may be believed of an order after a request for it failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.positions.model import Order, Purpose
from core.positions.refusals import Outcome, breaks_rules, is_too_small, lacks_units, outcome_of, sale_again_at
from shared.src.domain.errors import (
    ConfigurationError,
    OutcomeUnknownError,
    RejectedError,
    RootTradingError,
    TransientError,
)
from shared.src.domain.orders import OrderStatus
from tests.unit.core.positions.cycles import known

UNKNOWN, REJECTED = Outcome(OrderStatus.UNKNOWN), OrderStatus.REJECTED


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (OutcomeUnknownError("no answer"), UNKNOWN),
        (RejectedError("-2010 Duplicate order sent.", code=-2010), UNKNOWN),
        (RejectedError("-2010 insufficient balance", code=-2010), Outcome(REJECTED, -2010)),
        (RejectedError("-1013 Filter failure: NOTIONAL", code=-1013), Outcome(REJECTED, -1013)),
        (TransientError("not sent"), Outcome(REJECTED)),
        (ConfigurationError("no key"), None),
    ],
    ids=["no answer", "its id is open", "refused", "refused by a filter", "certainly not sent", "about something else"],
)
def test_a_failed_placement_proves(error: RootTradingError, outcome: Outcome | None) -> None:
    assert outcome_of(error) == outcome


@pytest.mark.parametrize(
    ("code", "reason", "lacking", "small"),
    [
        (-2010, "Account has insufficient balance for requested action.", True, False),
        (-2010, "Order would trigger immediately.", False, False),
        (-1013, "Filter failure: NOTIONAL", False, True),
        (-1013, "Filter failure: MARKET_LOT_SIZE", False, True),
        (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", False, False),
        (None, "insufficient LOT_SIZE", False, False),
    ],
)
def test_a_refused_sale_means(code: int | None, reason: str, lacking: bool, small: bool) -> None:
    refused = known(Purpose.EXIT, "2", REJECTED, reject_code=code, reason=reason).order
    assert (lacks_units(refused), is_too_small(refused)) == (lacking, small)


def test_a_sale_that_broke_the_rules_is_made_again_at_once_by_those_that_were_read_since_and_once_only() -> None:
    def sale(attempt: int, status: OrderStatus, code: int | None = None) -> Order:
        return replace(known(Purpose.EXIT, "2", status, reject_code=code).order, attempt=attempt)

    nobody_bought, by_rules = sale(1, OrderStatus.EXPIRED), sale(2, REJECTED, -1013)
    assert sale_again_at([by_rules]) is None
    assert sale_again_at([nobody_bought, by_rules]) == nobody_bought.created_at + timedelta(seconds=1)
    again = sale_again_at([nobody_bought, by_rules, sale(3, REJECTED, -1013)])
    assert again == by_rules.created_at + timedelta(seconds=4)


def test_only_a_refusal_by_a_filter_says_that_rules_were_broken() -> None:
    assert breaks_rules(known(Purpose.ENTRY, "2", REJECTED, reject_code=-1013).order)
    assert not breaks_rules(known(Purpose.ENTRY, "2", REJECTED, reject_code=-2010).order)
    assert not breaks_rules(known(Purpose.ENTRY, "2", OrderStatus.NEW, reject_code=-1013).order)
