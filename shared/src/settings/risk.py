"""What a trade may cost, and how the capital is divided."""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from pydantic import BaseModel, model_validator

from shared.src.domain.protections import ProtectionRule, parse_protections
from shared.src.settings.fields import setting


class RiskSettings(BaseModel):
    """Limits of entries and positions, fees, shares of the pockets."""

    max_position_size: Decimal = setting(
        Decimal(1000),
        "MAX_POSITION_SIZE",
        description="most that may be at stake in one coin, units of QUOTE_ASSET",
        gt=0,
    )
    risk_percentage: Decimal = setting(
        Decimal(1), "RISK_PERCENTAGE", description="capital at risk in one trade, percent", gt=0, le=10
    )
    max_daily_loss: Decimal = setting(
        Decimal(5000),
        "MAX_DAILY_LOSS",
        description="loss of a UTC day that halts entries, open positions counted, units of QUOTE_ASSET",
        gt=0,
    )
    max_daily_loss_percent: Decimal = setting(
        Decimal(5),
        "MAX_DAILY_LOSS_PERCENT",
        description="loss of a UTC day that halts entries, open positions counted, percent of the equity it began with",
        gt=0,
        le=100,
    )
    max_drawdown_percent: Decimal = setting(
        Decimal(20),
        "MAX_DRAWDOWN_PERCENT",
        description="loss from the highest equity that halts entries until an admin lifts it, percent",
        gt=0,
        le=100,
    )
    max_concurrent_positions: int = setting(
        5, "MAX_CONCURRENT_POSITIONS", description="open positions at once", ge=1, le=200
    )
    max_exposure_percent: Decimal = setting(
        Decimal(20),
        "MAX_EXPOSURE_PERCENT",
        description="largest share of capital in one coin, percent",
        gt=0,
        le=100,
    )
    max_strategy_exposure_percent: Decimal = setting(
        Decimal(100),
        "MAX_STRATEGY_EXPOSURE_PERCENT",
        description="largest share of capital that one strategy may have at stake, percent",
        gt=0,
        le=100,
    )
    max_cluster_exposure_percent: Decimal = setting(
        Decimal(100),
        "MAX_CLUSTER_EXPOSURE_PERCENT",
        description="largest share of capital in coins that move together, percent; 100: no such limit",
        gt=0,
        le=100,
    )
    cluster_correlation: float = setting(
        0.8,
        "CLUSTER_CORRELATION",
        description="correlation of the returns of recent minutes from which coins move together",
        gt=0,
        le=1,
    )
    cluster_minutes: int = setting(
        240, "CLUSTER_MINUTES", description="how many recent minutes that is measured on", ge=60, le=1440
    )
    max_orders_per_minute: int = setting(
        60, "MAX_ORDERS_PER_MINUTE", description="entries sent in one minute of the market at most", ge=1
    )
    max_spread_percent: Decimal = setting(
        Decimal("0.5"), "MAX_SPREAD_PERCENT", description="widest spread an entry accepts, percent", gt=0
    )
    max_price_drift_percent: Decimal = setting(
        Decimal(1),
        "MAX_PRICE_DRIFT_PERCENT",
        description="how far the price may have left the decision, and what an entry at market may pay more, percent",
        gt=0,
    )
    max_holding_minutes: int = setting(
        1440, "MAX_HOLDING_MINUTES", description="age at which a position is closed, market minutes", ge=1
    )
    entry_lists: bool = setting(
        True,
        "ENTRY_LISTS",
        description="limit orders to buy bring their stop and target along (OPOCO), where the symbol allows it",
    )
    resting_entry_max_minutes: int = setting(
        1440,
        "RESTING_ENTRY_MAX_MINUTES",
        description="age at which what is left of a strategy's limit order to buy is canceled, market minutes",
        ge=1,
    )
    trailing_stop_percent: Decimal | None = setting(
        None,
        "TRAILING_STOP_PERCENT",
        description="trail the stop by this distance, percent; empty: fixed stop",
    )
    signal_max_age_s: int = setting(
        180, "SIGNAL_MAX_AGE_S", description="a decision older than this (market seconds) opens nothing", ge=1
    )
    taker_fee_percent: Decimal = setting(
        Decimal("0.1"),
        "TAKER_FEE_PERCENT",
        description="the exchange's fee on an order that is filled at once, percent",
        ge=0,
        lt=5,
    )
    maker_fee_percent: Decimal = setting(
        Decimal("0.1"), "MAKER_FEE_PERCENT", description="its fee on an order that rested first, percent", ge=0, lt=5
    )
    pocket_config: str = setting(
        "active=60,buffer=30,safety=10", "POCKET_CONFIG", description="shares of capital, percent, sum 100"
    )

    large_position_percent: Decimal = setting(
        Decimal(15),
        "LARGE_POSITION_PERCENT",
        description="share of capital in one coin from which the position is told of as large, percent",
        gt=0,
        le=100,
    )
    max_price_jump_percent: Decimal = setting(
        Decimal(20),
        "MAX_PRICE_JUMP_PERCENT",
        description="move of a price within a minute of the market that halts entries in its symbol, percent",
        gt=0,
    )
    max_rejects_in_a_row: int = setting(
        10, "MAX_REJECTS_IN_A_ROW", description="orders refused by the exchange in a row that halt entries", ge=1
    )
    max_order_latency_s: float = setting(
        10.0,
        "MAX_ORDER_LATENCY_S",
        description="five orders in a row that take longer to be answered halt entries, seconds",
        gt=0,
    )
    breaker_minutes: int = setting(
        5, "BREAKER_MINUTES", description="how long these three halt entries, market minutes", ge=1
    )
    protections: str = setting(
        "",
        "PROTECTIONS",
        description="rules that stop entries after bad trades, a JSON list as freqtrade has it (docs/risk.md);"
        " empty: none",
    )

    @model_validator(mode="after")
    def _texts_are_understood(self) -> Self:
        self.pocket_shares()
        self.protection_rules()
        return self

    def protection_rules(self) -> tuple[ProtectionRule, ...]:
        """The protections that the user chose.

        Raises:
            ValueError: PROTECTIONS is not understood; the text names the rule.
        """
        try:
            return parse_protections(self.protections)
        except ValueError as error:
            raise ValueError(f"PROTECTIONS: {error}") from error

    def pocket_shares(self) -> dict[str, Decimal]:
        """Percent of capital for each pocket. ``reserve`` is another name of ``buffer``.

        Raises:
            ValueError: POCKET_CONFIG is not name=percent pairs that add up to 100.
        """
        shares: dict[str, Decimal] = {}
        for part in self.pocket_config.split(","):
            name, _, percent = part.strip().partition("=")
            name = "buffer" if name == "reserve" else name
            try:
                shares[name] = Decimal(percent)
            except ArithmeticError as error:
                raise ValueError(f"POCKET_CONFIG: {part!r} is not name=percent") from error
        if set(shares) != {"active", "buffer", "safety"} or sum(shares.values()) != 100 or min(shares.values()) < 0:
            raise ValueError("POCKET_CONFIG: active, buffer and safety must be given and add up to 100")
        return shares
