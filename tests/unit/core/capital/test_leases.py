"""What a lease is settled by."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from core.capital.leases import Facts, IntentState, facts_of, give_back, settle
from core.capital.ledger import Execution
from core.capital.pockets import Pockets, Reservation, ReservationStatus
from shared.src.domain.orders import CycleStatus, Side

AT = datetime(2026, 1, 1, tzinfo=UTC)


def execution(name: str, side: Side = Side.BUY, *, fee_asset: str = "BNB") -> Execution:
    return Execution(name, "1", "BTCUSDC", 1, side, Decimal(2), Decimal(200), Decimal("0.5"), fee_asset, AT)


def facts(*executions: Execution, posted: tuple[str, ...] = (), status: CycleStatus | None = None) -> Facts:
    state = IntentState(orders=1, executions=executions, cycle_status=status)
    return facts_of(state, asset="USDC", posted=posted, overdue=False)


def test_an_execution_counts_once_the_books_have_it() -> None:
    assert facts(execution("ex-1")) == Facts(orders=1)
    assert facts(execution("ex-1"), posted=("fill:ex-1",)) == Facts(
        spent=Decimal(200), base="BTC", bought=Decimal(2), orders=1
    )


def test_a_fee_in_the_leased_asset_was_spent_too() -> None:
    booked = facts(execution("ex-1", fee_asset="USDC"), posted=("fill:ex-1",))
    assert booked.spent == Decimal("200.5")


def test_sales_are_coins_sold_and_nothing_spent() -> None:
    booked = facts(execution("ex-1", Side.SELL), posted=("fill:ex-1",))
    assert (booked.spent, booked.sold) == (Decimal(0), Decimal(2))


def test_a_cycle_in_an_ended_state_has_ended() -> None:
    assert facts(status=CycleStatus.CANCELED).cycle_ended
    assert not facts(status=CycleStatus.ACTIVE_SELL).cycle_ended
    assert not facts().cycle_ended


def leased(facts: Facts, *, intent_id: str = "int-1") -> tuple[bool, Reservation]:
    """Whether a lease of 100 was given back, and the lease after it."""
    lease = Reservation("int-1", "active", "USDC", Decimal(100))
    pockets = Pockets({"active": Decimal(100)}, [lease], capital=Decimal(1000))
    return give_back(pockets, intent_id, facts, "refused"), pockets.leases["int-1"]


def test_a_lease_that_nothing_used_is_released_with_the_reason() -> None:
    given, lease = leased(Facts(orders=1))
    assert (given, lease.status, lease.reason) == (True, ReservationStatus.RELEASED, "refused")


def test_a_lease_that_was_partly_spent_keeps_what_it_bought() -> None:
    given, lease = leased(Facts(spent=Decimal(40), bought=Decimal(1), orders=1))
    assert (given, lease.status, lease.held) == (True, ReservationStatus.COMMITTED, Decimal(0))


def test_an_order_that_may_still_fill_keeps_its_lease() -> None:
    given, lease = leased(Facts(orders=1, open_orders=1))
    assert (given, lease.status) == (False, ReservationStatus.ACTIVE)


def test_who_has_no_lease_gives_nothing_back() -> None:
    assert leased(Facts(), intent_id="int-2")[0] is False


def test_less_than_a_unit_that_was_spent_fills_a_lease() -> None:
    assert Facts(spent=Decimal("0.5")).is_filled
    assert Facts(bought=Decimal("0.001")).is_filled
    assert not Facts().is_filled


def test_the_cost_is_that_of_the_coins_which_are_not_sold() -> None:
    spent = Facts(spent=Decimal(200), bought=Decimal(2))
    assert spent.cost == 200
    assert replace(spent, sold=Decimal("0.5")).cost == 150
    assert replace(spent, sold=Decimal(3)).cost == 0


def test_a_lease_that_runs_out_says_whether_an_order_ever_used_it() -> None:
    for orders, reason in ((0, "no order used it in time"), (2, "its orders ended without a fill")):
        lease = Reservation("int-1", "active", "USDC", Decimal(100))
        pockets = Pockets({"active": Decimal(100)}, [lease], capital=Decimal(1000))
        settle(pockets, "int-1", Facts(orders=orders, overdue=True))
        assert pockets.leases["int-1"].reason == reason
