"""What was lost today and from the peak: open positions counted, flows not, day by day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.positions.model import Cycle
from core.risk.loss import DAY, LossMark, OpenResult, TradingResult, converted, looked, open_result, unconvertible
from shared.src.domain.money import ZERO
from shared.src.domain.orders import CycleStatus

MORNING = datetime(2026, 1, 5, 9, tzinfo=UTC)
MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
D = Decimal


@dataclass
class Trading:
    """An account that trades: what it holds in quote units, what its open positions won, what ended on which day."""

    cash: Decimal = field(default_factory=lambda: D(10_000))
    open: Decimal = ZERO
    now: datetime = MORNING
    mark: LossMark = field(default_factory=lambda: LossMark(MIDNIGHT))
    ended: list[tuple[datetime, Decimal]] = field(default_factory=list)

    def look(self) -> None:
        today = self.now.replace(hour=0)
        self.mark = looked(
            self.mark,
            self.now,
            TradingResult(
                equity=self.cash + self.open,
                open=self.open,
                ended=sum((amount for at, amount in self.ended if at >= self.mark.day), D(0)),
                ended_today=sum((amount for at, amount in self.ended if at >= today), D(0)),
            ),
        )

    def close(self) -> None:
        """The open positions are closed at what they stand."""
        self.ended.append((self.now, self.open))
        self.cash += self.open
        self.open = D(0)

    def moves(self, amount: int) -> None:
        self.open += amount
        self.look()

    def figures(self) -> tuple[object, ...]:
        """(result of the day, loss of the day in percent, drawdown in percent), to two decimals."""
        losses = self.mark.losses(self.now)
        return losses.day_result, round(losses.day_percent, 2), round(losses.drawdown_percent, 2)


def test_an_open_position_that_fell_is_a_loss_before_it_is_closed() -> None:
    trading = Trading()
    trading.moves(-500)
    assert trading.figures() == (-500, 5, 5)
    trading.close()
    trading.look()
    assert trading.figures() == (-500, 5, 5)


def test_a_drawdown_is_measured_from_the_peak_and_the_day_from_its_start() -> None:
    trading = Trading()
    trading.moves(1000)
    trading.moves(-1100)
    assert trading.figures() == (-100, 1, 10)


@pytest.mark.parametrize("flow", [-5000, 5000, 90_000])
def test_a_deposit_or_a_withdrawal_is_no_result(flow: int) -> None:
    trading = Trading()
    trading.moves(-400)
    trading.cash += flow
    trading.look()
    assert trading.figures() == (-400, 4, 4)


def test_after_a_withdrawal_a_loss_weighs_on_what_is_left() -> None:
    trading = Trading()
    trading.look()
    trading.cash -= 5000
    trading.moves(-500)
    assert trading.figures() == (-500, 10, 10)


def test_a_new_day_begins_with_what_was_won_or_lost_before() -> None:
    trading = Trading()
    trading.moves(-500)
    trading.now += DAY
    trading.look()
    assert trading.figures() == (0, 0, 5)
    trading.moves(-95)
    trading.close()
    trading.look()
    assert trading.figures() == (-95, 1, D("5.95"))


def test_a_day_that_nobody_looked_at_is_not_counted_to_the_next() -> None:
    trading = Trading()
    trading.moves(-500)
    trading.now += DAY
    assert trading.figures() == (0, 0, 5)


def test_what_happened_while_nobody_looked_counts_to_the_day_of_the_next_look() -> None:
    trading = Trading()
    trading.moves(100)
    trading.now += DAY / 2
    trading.open -= 606
    trading.close()
    trading.now += 3 * DAY
    trading.look()
    assert trading.figures() == (-606, 6, 6)


def test_who_lifts_a_halt_measures_anew() -> None:
    trading = Trading()
    trading.moves(-500)
    trading.mark = trading.mark.forgiven(day=True, peak=False)
    trading.look()
    assert trading.figures() == (0, 0, 5)
    trading.mark = trading.mark.forgiven(day=False, peak=True)
    trading.moves(-95)
    assert trading.figures() == (-95, 1, 1)


def test_what_a_day_began_with_stays_the_same_however_often_one_looks() -> None:
    trading = Trading()
    trading.now += DAY
    for _ in range(3):
        trading.moves(-100)
    assert trading.figures() == (-300, 3, 3)
    trading.look()
    assert trading.figures() == (-300, 3, 3)


def test_an_account_without_equity_has_no_percent() -> None:
    trading = Trading(cash=D(0))
    trading.look()
    assert trading.figures() == (0, 0, 0)
    nothing = LossMark(MIDNIGHT, index=ZERO, day_index=ZERO, peak_index=ZERO)
    assert nothing.losses(MORNING).drawdown_percent == 0


def test_an_account_of_one_unit_loses_percents_too() -> None:
    trading = Trading(cash=D(1))
    trading.open -= D("0.5")
    trading.look()
    assert trading.figures() == (D("-0.5"), 50, 50)


steps = st.tuples(st.integers(-300, 300), st.integers(0, 600), st.sampled_from(["close", "deposit", "hour", "nothing"]))


@given(st.lists(steps, max_size=30))
def test_the_result_of_the_day_is_what_trading_changed_since_it_began(path: list[tuple[int, int, str]]) -> None:
    trading, won, today = Trading(), D(0), MIDNIGHT
    for move, flow, what in path:
        if what == "hour":
            trading.now += timedelta(hours=7)
        if trading.now.replace(hour=0) != today:
            today, won = trading.now.replace(hour=0), D(0)
        if what == "close":
            trading.close()
        if what == "deposit":
            trading.cash += flow
        trading.moves(move)
        won += move
        assert trading.mark.losses(trading.now).day_result == won


def cycle(symbol: str, **facts: Decimal) -> Cycle:
    return Cycle("cy", "in", symbol, "S", CycleStatus.ACTIVE_BUY, MORNING, **facts)  # type: ignore[arg-type]


def test_an_open_position_has_won_what_it_would_bring_less_what_was_paid() -> None:
    half_sold = cycle("ETHUSDC", quantity=D(2), entry_price=D(3000), exit_quantity=D(1), exit_price=D(3100), fees=D(9))
    assert open_result([half_sold], {"ETHUSDC": D(2900)}, {"USDC": D(1)}, "USDC") == OpenResult(D(-9), D(-100))


def test_an_open_position_in_another_quote_is_converted() -> None:
    ether = cycle("ETHBTC", quantity=D(1), entry_price=D("0.05"))
    rates = {"USDC": D(1), "BTC": D(50_000)}
    assert open_result([ether], {"ETHBTC": D("0.04")}, rates, "USDC") == OpenResult(D(-500), D(-500))


def test_a_cycle_that_has_bought_nothing_yet_has_no_result() -> None:
    positions = [cycle("BTCUSDC"), cycle("BTCUSDC", quantity=D(1), entry_price=D(100))]
    assert open_result(positions, {"BTCUSDC": D(90)}, {"USDC": D(1)}, "USDC") == OpenResult(D(-10), D(-10))


def test_a_quote_that_cannot_be_converted_is_named() -> None:
    assert unconvertible(["SOLUSDC", "ETHBTC", "XYZABC"], {"USDC": D(1)}, "USDC") == "BTC"
    assert unconvertible(["SOLUSDC", "XYZABC"], {"USDC": D(1)}, "USDC") == ""


@pytest.mark.parametrize("gone", ["GONEUSDC", "XYZABC"])
def test_a_position_that_nobody_has_a_price_for_is_taken_at_its_cost_and_told(gone: str) -> None:
    positions = [cycle(gone, quantity=D(1), entry_price=D(50)), cycle("BTCUSDC", quantity=D(1), entry_price=D(100))]
    found = open_result(positions, {"BTCUSDC": D(90)}, {"USDC": D(1)}, "USDC")
    assert found == OpenResult(D(-10), D(-10), (gone,))


def test_results_in_several_quote_assets_are_never_added_one_to_one() -> None:
    results = {"SOLUSDT": D("-1.02"), "USDTTRY": D("-1.56")}
    assert converted(results, {"USDT": D(1), "TRY": D("0.025")}, "USDT") == D("-1.059")
