"""The trader put together, once: `main` gives it the real things, tests and the platform in one process their own."""

from __future__ import annotations

from datetime import timedelta

from core.positions.rules import PositionRules
from core.positions.stops import StopRules
from core.risk.breakers import BreakerRules
from core.risk.exit_levels import ExitRules
from core.risk.fees import FeeModel
from core.risk.limits import RiskLimits
from shared.src.bus.ports import Bus
from shared.src.config import Settings
from shared.src.contracts.topics import ORDER_INTENT
from shared.src.domain.clock import Clock
from shared.src.market.ports import CandleHistory
from shared.src.market.recent_closes import recent_closes
from trader.src.cycle_manager import CycleManager
from trader.src.execution.breakers import Breakers
from trader.src.execution.fee_watch import FeeWatch
from trader.src.execution.funds import Funds
from trader.src.execution.intent_handler import IntentHandler
from trader.src.execution.market_volume import MarketVolume
from trader.src.execution.outbox_publisher import OutboxPublisher
from trader.src.execution.outlook import Outlook
from trader.src.execution.panic import Panic
from trader.src.execution.quarantine import Quarantine
from trader.src.execution.reconciler import Reconciler
from trader.src.execution.trade_comparison import TradeComparison
from trader.src.execution.watcher import Watcher
from trader.src.order_manager import MATCHING_S, OrderManager
from trader.src.ports import Exchange, Prices, Store
from trader.src.risk_manager import RiskManager
from trader.src.service import Timers, TraderService

GROUP = "trader"


def compose(
    *,
    settings: Settings,
    bus: Bus,
    clock: Clock,
    store: Store,
    exchange: Exchange,
    prices: Prices,
    candles: CandleHistory | None = None,
    timers: Timers | None = None,
) -> TraderService:
    """The trader on the running event loop, listening for intents; its ``tasks`` are the caller's to run."""
    funds, quarantine, rules = Funds(), Quarantine(store, bus, clock), position_rules(settings)
    breakers = Breakers(store=store, prices=prices, clock=clock, rules=BreakerRules.of(settings))
    orders = OrderManager(exchange, store, prices, clock, horizon_s=_horizon_s(settings), answered=breakers.answered)
    risk = _gate(settings, clock, funds=funds, exchange=exchange, store=store, prices=prices, candles=candles)
    fees = _fees(settings, bus, clock, funds=funds, exchange=exchange, store=store, prices=prices)
    cycle_manager = CycleManager(
        exchange=exchange,
        store=store,
        orders=orders,
        risk=risk,
        prices=prices,
        clock=clock,
        rules=rules,
        quarantine=quarantine,
        volume=MarketVolume(candles, clock),
        fees=fees,
    )
    intents = _intents(risk, cycle_manager, quarantine, settings=settings, exchange=exchange, store=store, clock=clock)
    trades = TradeComparison(
        exchange, store, orders, cycle_manager, quarantine=quarantine, clock=clock, symbols=settings.trading_symbols
    )
    reconciler = _reconciler(
        orders, cycle_manager, risk, quarantine, exchange=exchange, store=store, funds=funds, clock=clock, trades=trades
    )
    trader = TraderService(
        settings=settings,
        bus=bus,
        clock=clock,
        store=store,
        exchange=exchange,
        prices=prices,
        funds=funds,
        orders=orders,
        cycle_manager=cycle_manager,
        intents=intents,
        risk=risk,
        breakers=breakers,
        fees=fees,
        panic=Panic(store=store, cycle_manager=cycle_manager, intents=intents, clock=clock),
        reconciler=reconciler,
        watcher=_watcher(cycle_manager, rules, exchange=exchange, store=store, prices=prices, clock=clock),
        publisher=OutboxPublisher(store, bus),
        quarantine=quarantine,
        timers=timers or Timers(),
    )
    bus.subscribe(ORDER_INTENT, trader.on_intent, group=GROUP)
    return trader


def _watcher(
    cycle_manager: CycleManager, rules: PositionRules, *, exchange: Exchange, store: Store, prices: Prices, clock: Clock
) -> Watcher:
    return Watcher(store=store, cycle_manager=cycle_manager, exchange=exchange, prices=prices, clock=clock, rules=rules)


def _gate(
    settings: Settings,
    clock: Clock,
    *,
    funds: Funds,
    exchange: Exchange,
    store: Store,
    prices: Prices,
    candles: CandleHistory | None,
) -> RiskManager:
    return RiskManager(
        exchange=exchange,
        store=store,
        prices=prices,
        funds=funds,
        clock=clock,
        limits=RiskLimits.of(settings),
        exits=ExitRules.of(settings),
        quote_asset=settings.quote_asset,
        large_percent=settings.large_position_percent,
        closes=recent_closes(candles, clock, minutes=settings.cluster_minutes),
        outlook=Outlook(exchange, clock),
    )


def _fees(
    settings: Settings, bus: Bus, clock: Clock, *, funds: Funds, exchange: Exchange, store: Store, prices: Prices
) -> FeeWatch:
    return FeeWatch(
        exchange=exchange,
        store=store,
        prices=prices,
        funds=funds,
        notices=bus,
        clock=clock,
        quote_asset=settings.quote_asset,
        largest=settings.max_position_size,
        otherwise=FeeModel.of(settings),
    )


def _reconciler(
    orders: OrderManager,
    cycle_manager: CycleManager,
    risk: RiskManager,
    quarantine: Quarantine,
    *,
    exchange: Exchange,
    store: Store,
    funds: Funds,
    clock: Clock,
    trades: TradeComparison,
) -> Reconciler:
    return Reconciler(
        exchange=exchange,
        store=store,
        orders=orders,
        cycle_manager=cycle_manager,
        funds=funds,
        quarantine=quarantine,
        clock=clock,
        outlook=risk.outlook,
        trades=trades,
    )


def _intents(
    risk: RiskManager,
    cycle_manager: CycleManager,
    quarantine: Quarantine,
    *,
    settings: Settings,
    exchange: Exchange,
    store: Store,
    clock: Clock,
) -> IntentHandler:
    return IntentHandler(
        exchange=exchange,
        store=store,
        cycle_manager=cycle_manager,
        risk=risk,
        clock=clock,
        rules=position_rules(settings),
        quarantine=quarantine,
        execution=settings.execution_choice(),
    )


def _horizon_s(settings: Settings) -> float:
    """How long after it was sent an order may still arrive, wall seconds."""
    return MATCHING_S + settings.recv_window_ms / 1000


def position_rules(settings: Settings) -> PositionRules:
    """What the settings say of positions."""
    return PositionRules(
        entry_age_max=timedelta(seconds=settings.signal_max_age_s),
        lists=settings.entry_lists,
        resting_max=timedelta(minutes=settings.resting_entry_max_minutes),
        exits=ExitRules.of(settings),
        stops=StopRules(
            trailing_percent=settings.trailing_stop_percent,
            break_even_percent=settings.break_even_percent,
            part_at_percent=settings.partial_take_profit_percent,
            part_percent=settings.partial_take_profit_share,
            limit_percent=settings.stop_limit_percent,
            round_trip=FeeModel.of(settings).round_trip,
        ),
        holding_max=timedelta(minutes=settings.max_holding_minutes),
    )
