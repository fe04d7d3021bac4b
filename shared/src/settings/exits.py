"""Where positions get out."""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from pydantic import BaseModel, model_validator

from shared.src.domain.exits import MULTIPLE_MAX, ExitMethod, ExitRule, parse_exit_rules
from shared.src.settings.fields import setting


class ExitLevelSettings(BaseModel):
    """How stop and target of a position are set."""

    exit_levels: ExitMethod = setting(
        ExitMethod.STRATEGY,
        "EXIT_LEVELS",
        description="strategy: as the strategies propose; percent: STOP_LOSS_PERCENT and TAKE_PROFIT_PERCENT;"
        " atr: STOP_ATR and TARGET_ATR. A stop is kept 0.3 to 10 percent away; a target nearer than 1.5 stops opens"
        " nothing",
    )
    stop_loss_percent: Decimal = setting(
        Decimal(2),
        "STOP_LOSS_PERCENT",
        description="stop distance of EXIT_LEVELS=percent and of orders without levels, percent",
        gt=0,
        lt=50,
    )
    take_profit_percent: Decimal = setting(
        Decimal(4),
        "TAKE_PROFIT_PERCENT",
        description="target distance of EXIT_LEVELS=percent and of orders without levels, percent",
        gt=0,
        lt=500,
    )
    stop_atr: Decimal = setting(
        Decimal("1.5"),
        "STOP_ATR",
        description="stop distance of EXIT_LEVELS=atr and of votes without levels, average true ranges",
        gt=0,
        le=MULTIPLE_MAX,
    )
    target_atr: Decimal = setting(
        Decimal(3),
        "TARGET_ATR",
        description="target distance of EXIT_LEVELS=atr and of votes without levels, average true ranges",
        gt=0,
        le=100,
    )
    stop_limit_percent: Decimal = setting(
        Decimal(5),
        "STOP_LIMIT_PERCENT",
        description="how far under its trigger a stop may sell where a symbol has no stops at market, percent",
        gt=0,
        lt=50,
    )
    break_even_percent: Decimal | None = setting(
        None,
        "BREAK_EVEN_PERCENT",
        description="gain at which the stop moves to the entry price plus fees, percent; empty: never",
        gt=0,
        lt=500,
    )
    partial_take_profit_percent: Decimal | None = setting(
        None,
        "PARTIAL_TAKE_PROFIT_PERCENT",
        description="gain at which a part of the position is sold, percent (5 is usual); empty: never",
        gt=0,
        lt=500,
    )
    partial_take_profit_share: Decimal = setting(
        Decimal(50),
        "PARTIAL_TAKE_PROFIT_SHARE",
        description="how much of the position PARTIAL_TAKE_PROFIT_PERCENT sells, percent",
        gt=0,
        lt=100,
    )
    exit_levels_by_strategy: str = setting(
        "",
        "EXIT_LEVELS_BY_STRATEGY",
        description="exits of single strategies, e.g. RSI_Strategy=percent:1.5:3,EMA_Cross=atr:2:4 (stop:target)",
    )

    @model_validator(mode="after")
    def _rules_are_understood(self) -> Self:
        self.exit_rules()
        return self

    def exit_rules(self) -> dict[str, ExitRule]:
        """The rules of single strategies by their names.

        Raises:
            ValueError: EXIT_LEVELS_BY_STRATEGY is not understood; the text names the strategy.
        """
        try:
            return parse_exit_rules(self.exit_levels_by_strategy)
        except ValueError as error:
            raise ValueError(f"EXIT_LEVELS_BY_STRATEGY: {error}") from error
