"""The trader's gate measures limits on everything that is open, resting or already spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from core.positions.model import MANUAL, Cycle, Order, Purpose
from core.risk.account import AccountView
from core.risk.exit_levels import ExitRules
from core.risk.limits import RiskLimits
from core.risk.verdicts import Refused
from shared.memory.manual_clock import ManualClock
from shared.src.config import load_settings
from shared.src.contracts.orders import OrderIntent
from shared.src.domain.errors import TransientError
from shared.src.domain.orders import CycleStatus, OrderStatus, OrderType, Side
from shared.src.exchange.models import Balance, ExchangeOrder
from tests.unit.trader.fake_exchange import RULES, SYMBOL, FakeExchange, Fuse
from tests.unit.trader.rig import intent
from trader.src.adapters.memory_store import MemoryStore
from trader.src.execution.funds import Funds
from trader.src.execution.outlook import Outlook
from trader.src.risk_manager import RiskManager

BOUGHT = Cycle(
    "cy-1",
    "in-1",
    SYMBOL,
    "S",
    CycleStatus.ACTIVE_BUY,
    ManualClock().now(),
    quantity=Decimal("0.02"),
    entry_price=Decimal(50_000),
    reference_price=Decimal(50_000),
)
RESTING = Order(
    client_order_id="o-1",
    intent_id="in-1",
    cycle_id="cy-1",
    attempt=1,
    purpose=Purpose.ENTRY,
    symbol=SYMBOL,
    side=Side.BUY,
    type=OrderType.LIMIT,
    quantity=Decimal("0.02"),
    created_at=ManualClock().now(),
    status=OrderStatus.NEW,
    price=Decimal(49_000),
)


BOUGHT_JUST_NOW = ExchangeOrder(
    symbol=SYMBOL,
    order_id=7,
    client_order_id="o-1",
    side=Side.BUY,
    type=OrderType.LIMIT,
    status=OrderStatus.FILLED,
    quantity=Decimal("0.02"),
    executed_quantity=Decimal("0.02"),
    executed_quote=Decimal(980),
    price=Decimal(49_000),
    stop_price=None,
    time_in_force="GTC",
    order_list_id=None,
    time_ms=0,
)


class Gate:
    """A risk manager over an account of 10 000 USDC, of which ``free`` are not locked by orders."""

    def __init__(self, *, free: int = 10_000, **settings: Any) -> None:
        self.clock = ManualClock()
        self.approved: list[OrderIntent] = []
        self.store = MemoryStore(self.clock, self._approved)
        self.funds = Funds()
        self.funds.replace({"USDC": Balance("USDC", Decimal(free), Decimal(10_000 - free))})
        self.exchange = FakeExchange(self.clock, Fuse())
        self._limits = RiskLimits.of(load_settings(**settings))
        self.restart()

    def restart(self) -> None:
        """A new process on the same store and exchange."""
        self.outlook = Outlook(self.exchange, self.clock)
        self.outlook.note_comparison(float("inf"))  # it sees all, unless a test says otherwise
        self.manager = RiskManager(
            exchange=self.exchange,
            store=self.store,
            prices=self.exchange,
            funds=self.funds,
            clock=self.clock,
            limits=self._limits,
            exits=ExitRules(),
            quote_asset="USDC",
            outlook=self.outlook,
        )

    async def view(self) -> AccountView:
        return await self.manager.view(RULES)

    async def _approved(self, since: datetime) -> Sequence[OrderIntent]:
        return [intent for intent in self.approved if intent.occurred_at > since]

    async def reason(self, quantity: str = "0.01", **intent_facts: Any) -> str:
        """Why an entry would be refused; empty when it would not."""
        verdict = await self.manager.judge(intent(9, self.clock, quantity=Decimal(quantity), **intent_facts), RULES)
        return verdict.reason if isinstance(verdict, Refused) else ""


async def test_an_entry_is_measured_on_what_the_open_positions_cost() -> None:
    gate = Gate(max_position_size="1400")
    assert await gate.reason() == ""
    filled = replace(RESTING, status=OrderStatus.FILLED, executed_quantity=Decimal("0.02"))
    await gate.store.open_cycle(BOUGHT, filled)
    assert "MAX_POSITION_SIZE allows 400" in await gate.reason()


async def test_a_position_in_another_quote_asset_counts_for_the_same_coin() -> None:
    gate = Gate()
    other = replace(BOUGHT, symbol="BTCUSDT")
    await gate.store.open_cycle(other, replace(RESTING, symbol="BTCUSDT", status=OrderStatus.CANCELED))
    assert "BTC cannot be told in USDC, MAX_EXPOSURE_PERCENT" in await gate.reason()


async def test_a_position_in_another_quote_asset_is_worth_what_that_asset_is_worth() -> None:
    gate = Gate(max_exposure_percent="10", max_position_size="5000")
    ether = replace(BOUGHT, symbol="ETHBTC", entry_price=Decimal("0.05"))
    await gate.store.open_cycle(ether, replace(RESTING, symbol="ETHBTC", status=OrderStatus.CANCELED))
    view = await gate.manager.view(RULES)
    assert view.exposure("ETH") == Decimal("0.02") * Decimal("0.05") * Decimal("50000.005")
    assert view.capital == 10_000, "what was paid in BTC is no capital in USDC"


async def test_what_a_resting_entry_may_still_spend_counts() -> None:
    gate = Gate(max_exposure_percent="10", max_position_size="5000")
    half = replace(BOUGHT, quantity=Decimal("0.01"))
    await gate.store.open_cycle(half, replace(RESTING, executed_quantity=Decimal("0.01")))
    # 10 % of 10 000 and the 500 that were paid, less those 500 and the 490 that rest
    assert "MAX_EXPOSURE_PERCENT allows 60" in await gate.reason()


async def test_what_was_filled_counts_before_its_position_knows_of_it() -> None:
    gate = Gate(max_exposure_percent="100", max_position_size="1000")
    resting = replace(BOUGHT, quantity=Decimal(0), entry_price=None)
    await gate.store.open_cycle(resting, RESTING)
    assert "MAX_POSITION_SIZE allows 20" in await gate.reason()
    await gate.store.book(BOUGHT_JUST_NOW, [])
    assert "MAX_POSITION_SIZE allows 20" in await gate.reason()


async def test_a_purchase_that_rests_from_elsewhere_counts_for_its_coin() -> None:
    gate = Gate(max_exposure_percent="100", max_position_size="1000")
    await gate.store.add_orders([replace(RESTING, cycle_id=None, purpose=Purpose.EXTERNAL)])
    assert "MAX_POSITION_SIZE allows 20" in await gate.reason()
    assert (await gate.manager.view(RULES)).cycles == ()


async def test_an_entry_by_hand_is_measured_with_what_is_approved_and_on_its_way() -> None:
    gate = Gate(max_exposure_percent="100", max_position_size="1000")
    gate.approved.append(intent(1, gate.clock, reserved=Decimal(980)))
    assert "MAX_POSITION_SIZE allows 20" in await gate.reason(strategy=MANUAL)
    gate.clock.advance(181)
    assert await gate.reason(strategy=MANUAL) == "", "what is too old to come does not count"


async def test_a_strategy_has_a_limit_of_its_own_through_all_its_coins() -> None:
    gate = Gate(max_exposure_percent="100", max_strategy_exposure_percent="10", max_position_size="5000")
    await gate.store.open_cycle(BOUGHT, replace(RESTING, status=OrderStatus.CANCELED))
    assert "MAX_STRATEGY_EXPOSURE_PERCENT allows 100" in await gate.reason(strategy="S")
    assert await gate.reason(strategy="Another") == ""


async def test_an_entry_that_the_balances_do_not_show_yet_is_not_spent_twice() -> None:
    gate = Gate(free=1000, max_exposure_percent="100", max_position_size="5000")
    assert await gate.reason() == ""
    sent = replace(RESTING, type=OrderType.MARKET, price=None, status=OrderStatus.SENT)
    await gate.store.open_cycle(replace(BOUGHT, quantity=Decimal(0)), sent)
    assert "free are 0" in await gate.reason()


async def test_a_protection_that_was_chosen_stops_entries_after_a_trade() -> None:
    gate = Gate(protections='[{"method": "CooldownPeriod", "stop_duration": 5}]')
    await gate.store.open_cycle(BOUGHT, replace(RESTING, status=OrderStatus.CANCELED))
    done = {"status": CycleStatus.COMPLETED, "completed_at": gate.clock.now(), "profit_loss": Decimal(1)}
    await gate.store.save_cycle(replace(BOUGHT, **done))  # type: ignore[arg-type]
    assert "CooldownPeriod: a trade in BTCUSDC has just ended" in await gate.reason()
    gate.clock.advance(300)
    assert await gate.reason() == ""


async def test_entries_of_the_last_minute_are_counted() -> None:
    gate = Gate(max_orders_per_minute="1")
    gate.manager.note_entry()
    assert "MAX_ORDERS_PER_MINUTE" in await gate.reason()
    gate.clock.advance(61)
    assert await gate.reason() == ""


async def test_nothing_is_bought_blind() -> None:
    gate = Gate()
    gate.outlook.note_comparison(gate.clock.monotonic())
    gate.clock.advance(61)
    assert "last compared with the exchange 61 s ago" in await gate.reason()
    gate.outlook.note_comparison(gate.clock.monotonic())
    assert await gate.reason() == ""
    gate.exchange.hears = False
    gate.clock.advance(21)
    assert "no events arrive" in await gate.reason()


async def test_nothing_is_bought_before_the_first_comparison() -> None:
    gate = Gate()
    gate.outlook = gate.manager.outlook = Outlook(gate.exchange, gate.clock)
    assert await gate.reason(strategy=MANUAL) == "the account was not compared with the exchange yet"
    with pytest.raises(TransientError, match="not compared with the exchange yet"):
        await gate.reason()
