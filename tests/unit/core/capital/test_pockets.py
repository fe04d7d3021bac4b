"""Pockets: money neither appears nor vanishes, and nothing is leased twice."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.capital.leases import Facts, settle
from core.capital.pockets import (
    Pocket,
    PocketNotFoundError,
    Pockets,
    Reservation,
    ReservationRefused,
    ReservationStatus,
    Reserved,
    availability,
    checked_shares,
    split,
)
from shared.src.domain.errors import InvariantError, RejectedError

SHARES = {"active": Decimal(60), "buffer": Decimal(30), "safety": Decimal(10)}
money = st.decimals(min_value=0, max_value=10**9, places=8)
positive = st.decimals(min_value="0.00000001", max_value=10**6, places=8)


@st.composite
def shares(draw: st.DrawFn) -> dict[str, Decimal]:
    first = draw(st.integers(0, 10_000))
    second = draw(st.integers(0, 10_000 - first))
    parts = (first, second, 10_000 - first - second)
    return {name: Decimal(part) / 100 for name, part in zip(SHARES, parts, strict=True)}


def manager(capital: str = "1000", *leases: Reservation) -> Pockets:
    return Pockets(SHARES, leases, capital=Decimal(capital))


@given(capital=money, of=shares())
def test_split_neither_creates_nor_loses_money(capital: Decimal, of: dict[str, Decimal]) -> None:
    parts = split(capital, of)
    assert sum(parts.values()) == capital
    assert all(part >= 0 for part in parts.values())


def test_a_capital_is_split_sixty_thirty_ten() -> None:
    assert split(Decimal(1000), SHARES) == {"active": 600, "buffer": 300, "safety": 100}


def test_a_negative_capital_is_an_error_not_a_split() -> None:
    with pytest.raises(InvariantError):
        split(Decimal(-1), SHARES)


@given(capital=positive, amount=positive)
def test_releasing_undoes_a_reservation(capital: Decimal, amount: Decimal) -> None:
    pockets = Pockets(SHARES, capital=capital)
    before = pockets.pockets()
    answer = pockets.reserve("int-1", pocket="active", asset="USDC", amount=amount)
    if isinstance(answer, Reserved):
        assert pockets.pockets()["active"].reserved == amount
        pockets.release("int-1", "test")
    assert pockets.pockets() == before


def test_more_than_the_pocket_has_is_refused_with_both_numbers() -> None:
    answer = manager().reserve("int-1", pocket="active", asset="USDC", amount=Decimal("600.01"))
    assert answer == ReservationRefused("pocket active has 600 USDC free, 600.01 needed")


def test_the_same_intent_reserves_once() -> None:
    pockets = manager()
    first = pockets.reserve("int-1", pocket="active", asset="USDC", amount=Decimal(400))
    second = pockets.reserve("int-1", pocket="active", asset="USDC", amount=Decimal(500))
    assert first == second
    assert pockets.pockets()["active"].reserved == 400


def test_reserve_is_another_name_of_buffer() -> None:
    pockets = manager()
    assert isinstance(pockets.reserve("int-1", pocket="reserve", asset="USDC", amount=Decimal(1)), Reserved)
    assert pockets.pockets()["buffer"].reserved == 1


def test_an_unknown_pocket_is_named_in_the_error() -> None:
    with pytest.raises(PocketNotFoundError, match="'speculation'") as caught:
        manager().reserve("int-1", pocket="speculation", asset="USDC", amount=Decimal(1))
    assert caught.value.code == 404


def test_an_expired_lease_can_be_taken_again_and_a_released_one_cannot() -> None:
    pockets = manager()
    pockets.reserve("int-1", pocket="active", asset="USDC", amount=Decimal(10))
    pockets.expire("int-1", "late")
    assert isinstance(pockets.reserve("int-1", pocket="active", asset="USDC", amount=Decimal(10)), Reserved)
    pockets.release("int-1", "refused by the exchange")
    again = pockets.reserve("int-1", pocket="active", asset="USDC", amount=Decimal(10))
    assert again == ReservationRefused("the funds of int-1 were released: refused by the exchange")


def test_an_over_used_pocket_does_not_let_another_lease_money_that_is_not_there() -> None:
    # 80 are bound although losses shrank the capital to 100: 20 are left, not the 30 of the buffer's share
    lease = Reservation("int-1", "active", "USDC", Decimal(80), Decimal(80), Decimal(80), ReservationStatus.COMMITTED)
    assert manager("100", lease).available("buffer") == 20
    assert manager("100", lease).available("active") == 0


def test_what_all_have_together_bounds_what_each_has() -> None:
    overdrawn = Pocket("active", Decimal(60), total=Decimal(60), used=Decimal(80))
    buffer = Pocket("buffer", Decimal(30), total=Decimal(30), reserved=Decimal(5))
    safety = Pocket("safety", Decimal(10), total=Decimal(10))
    assert availability([overdrawn, buffer, safety]) == {"active": 0, "buffer": 15, "safety": 10}
    assert availability([]) == {}


def test_nothing_is_available_anywhere_when_the_account_has_nothing_free() -> None:
    lost = Pocket("active", Decimal(60), total=Decimal(6), used=Decimal(80))
    assert availability([lost, Pocket("buffer", Decimal(40), total=Decimal(4))]) == {"active": 0, "buffer": 0}


@pytest.mark.parametrize(
    "given_shares",
    [
        {"active": Decimal(60), "buffer": Decimal(30)},
        {"active": Decimal(60), "buffer": Decimal(30), "safety": Decimal(11)},
        {"active": Decimal(110), "buffer": Decimal(0), "safety": Decimal(-10)},
    ],
)
def test_shares_that_are_no_split_are_refused(given_shares: dict[str, Decimal]) -> None:
    with pytest.raises(RejectedError):
        checked_shares(given_shares)


def settled(facts: Facts, *, status: ReservationStatus = ReservationStatus.ACTIVE) -> Reservation:
    pockets = manager("1000", Reservation("int-1", "active", "USDC", Decimal(100), status=status))
    settle(pockets, "int-1", facts)
    return pockets.leases["int-1"]


def test_an_order_that_may_still_fill_keeps_an_overdue_lease() -> None:
    assert settled(Facts(orders=1, open_orders=1, overdue=True)).status is ReservationStatus.ACTIVE


def test_an_overdue_lease_without_an_order_expires() -> None:
    assert settled(Facts(overdue=True)).status is ReservationStatus.EXPIRED


def test_a_filled_entry_commits_what_it_spent_and_frees_the_rest() -> None:
    lease = settled(Facts(spent=Decimal(90), bought=Decimal(3), orders=1))
    assert lease.status is ReservationStatus.COMMITTED
    assert [lease.held, lease.used] == [0, 90]


def test_a_partial_fill_splits_the_lease_into_used_and_held() -> None:
    lease = settled(Facts(spent=Decimal(40), bought=Decimal(1), orders=1, open_orders=1))
    assert lease.status is ReservationStatus.ACTIVE
    assert [lease.held, lease.used] == [60, 40]


def test_selling_half_of_a_position_frees_half_of_its_cost() -> None:
    lease = settled(Facts(spent=Decimal(90), bought=Decimal(3), sold=Decimal("1.5"), orders=1))
    assert lease.used == 45


def test_an_ended_cycle_frees_everything() -> None:
    lease = settled(Facts(spent=Decimal(90), bought=Decimal(3), sold=Decimal(3), orders=1, cycle_ended=True))
    assert lease.status is ReservationStatus.RELEASED
    assert [lease.held, lease.used] == [0, 0]


@pytest.mark.parametrize("status", [ReservationStatus.EXPIRED, ReservationStatus.RELEASED])
def test_a_late_fill_reopens_a_lease_that_was_given_up(status: ReservationStatus) -> None:
    lease = settled(Facts(spent=Decimal(90), bought=Decimal(3), orders=1), status=status)
    assert lease.status is ReservationStatus.COMMITTED
    assert lease.used == 90


@pytest.mark.parametrize("status", [ReservationStatus.EXPIRED, ReservationStatus.RELEASED])
def test_a_late_fill_of_less_than_a_unit_reopens_a_lease_too(status: ReservationStatus) -> None:
    lease = settled(Facts(spent=Decimal("0.9"), bought=Decimal("0.01"), orders=1), status=status)
    assert lease.status is ReservationStatus.COMMITTED


@pytest.mark.parametrize(
    "facts", [Facts(orders=1), Facts(spent=Decimal(90), bought=Decimal(3), sold=Decimal(3), orders=1)]
)
def test_what_binds_nothing_any_more_reopens_no_lease(facts: Facts) -> None:
    assert settled(facts, status=ReservationStatus.EXPIRED).status is ReservationStatus.EXPIRED


def test_who_has_no_lease_has_none_to_end() -> None:
    pockets = manager()
    pockets.release("int-1", "nobody knows it")
    pockets.expire("int-1", "nobody knows it")
    assert pockets.leases == {}


def test_a_lease_that_ended_keeps_why_it_ended() -> None:
    pockets = manager()
    pockets.reserve("int-1", pocket="active", asset="USDC", amount=Decimal(10))
    pockets.release("int-1", "refused")
    pockets.expire("int-1", "late")
    assert (pockets.leases["int-1"].status, pockets.leases["int-1"].reason) == (ReservationStatus.RELEASED, "refused")


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_and_less_than_nothing_cannot_be_leased(amount: int) -> None:
    refused = manager().reserve("int-1", pocket="active", asset="USDC", amount=Decimal(amount))
    assert refused == ReservationRefused(f"an amount must be positive, not {amount}")


def test_a_pocket_may_have_no_share_and_no_pocket_is_named_twice() -> None:
    without = {"active": Decimal(100), "buffer": Decimal(0), "safety": Decimal(0)}
    assert checked_shares(without) == without
    with pytest.raises(RejectedError, match="once"):
        checked_shares({"active": Decimal(60), "buffer": Decimal(15), "reserve": Decimal(30), "safety": Decimal(10)})
    with pytest.raises(PocketNotFoundError):
        checked_shares({"active": Decimal(60), "buffer": Decimal(30), "holiday": Decimal(10)})


def test_what_rounding_leaves_over_goes_to_the_largest_share() -> None:
    smallest = Decimal("0.00000001")
    assert split(smallest, SHARES) == {"active": smallest, "buffer": 0, "safety": 0}


def test_a_pocket_that_is_missing_has_nothing_to_lease() -> None:
    with pytest.raises(PocketNotFoundError, match="'safety'"):
        Pockets({"active": Decimal(60), "buffer": Decimal(40)}, capital=Decimal(1000)).available("safety")


def test_a_pocket_below_zero_is_an_error() -> None:
    lease = Reservation("int-1", "active", "USDC", Decimal(5), Decimal(0), Decimal(-5), ReservationStatus.COMMITTED)
    with pytest.raises(InvariantError, match="negative"):
        manager("100", lease).check()
    manager("0").check()


class PocketMachine(RuleBasedStateMachine):
    """Whatever happens to leases in whatever order, nothing goes below zero and nothing is leased twice."""

    def __init__(self) -> None:
        super().__init__()
        self.quote = Decimal(1000)  # what the account holds
        self.pockets = Pockets(SHARES, capital=self.quote)
        self.count = 0

    @rule(pocket=st.sampled_from(sorted(SHARES)), amount=positive)
    def reserve(self, pocket: str, amount: Decimal) -> None:
        self.count += 1
        free = self.pockets.available(pocket)
        answer = self.pockets.reserve(f"int-{self.count}", pocket=pocket, asset="USDC", amount=amount)
        assert isinstance(answer, Reserved) == (amount <= free)

    @precondition(lambda self: self.count > 0)
    @rule(which=st.integers(min_value=1), share=st.integers(0, 100))
    def spend(self, which: int, share: int) -> None:
        lease = self.pockets.leases.get(f"int-{1 + which % self.count}")
        if lease is None or lease.status is not ReservationStatus.ACTIVE or lease.spent:
            return
        spent = (lease.amount * share / 100).quantize(Decimal("0.00000001"))
        self.quote -= spent
        self.pockets.spend(lease.intent_id, spent=spent, cost=spent)

    @precondition(lambda self: self.count > 0)
    @rule(which=st.integers(min_value=1), how=st.sampled_from(["commit", "close", "expire"]))
    def end(self, which: int, how: str) -> None:
        lease = self.pockets.leases.get(f"int-{1 + which % self.count}")
        if lease is None:
            return
        if how == "commit":
            self.pockets.commit(lease.intent_id)
        elif how == "expire" and not lease.spent:
            self.pockets.expire(lease.intent_id, "test")
        elif how == "close" and lease.used:
            self.quote += lease.used
            self.pockets.spend(lease.intent_id, spent=lease.spent, cost=Decimal(0))
            self.pockets.release(lease.intent_id, "closed")

    @invariant()
    def money_adds_up(self) -> None:
        self.pockets.revalue(self.quote + self.pockets.bound())
        self.pockets.check()
        assert self.pockets.capital == 1000  # without profit or loss the capital stays what it was
        held = sum(pocket.reserved for pocket in self.pockets.pockets().values())
        assert held <= self.quote, "more is set aside than the account holds"


TestPockets = PocketMachine.TestCase
