"""What a lease is settled by."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from core.capital.leases import Facts, IntentState, facts_of
from core.capital.ledger import Execution
from shared.src.domain.orders import CycleStatus, Side

AT = datetime(2026, 1, 1, tzinfo=UTC)


def execution(name: str, side: Side = Side.BUY, *, fee_asset: str = "BNB") -> Execution:
    return Execution(name, "1", "BTCUSDC", 1, side, Decimal(2), Decimal(200), Decimal("0.5"), fee_asset, AT)


def facts(*executions: Execution, posted: tuple[str, ...] = (), status: CycleStatus | None = None) -> Facts:
    state = IntentState(orders=1, executions=executions, cycle_status=status)
    return facts_of(state, asset="USDC", posted=posted, overdue=False)


def test_an_execution_counts_once_the_books_have_it() -> None:
    assert facts(execution("ex-1")) == Facts(orders=1)
    assert facts(execution("ex-1"), posted=("fill:ex-1",)) == Facts(spent=Decimal(200), bought=Decimal(2), orders=1)


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
