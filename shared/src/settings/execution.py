"""How the entries of strategies are executed."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel

from shared.src.domain.execution import ExecutionChoice, ExecutionMethod
from shared.src.settings.fields import setting


class ExecutionSettings(BaseModel):
    """The method, and the measures of each; orders by hand may name their own."""

    entry_execution: ExecutionMethod = setting(
        ExecutionMethod.AT_ONCE,
        "ENTRY_EXECUTION",
        description="how entries at market are bought: at_once; maker_first: at the best bid, then the rest at once;"
        " twap: in equal parts over TWAP_S; participation: within PARTICIPATION_PERCENT of what is traded",
    )
    maker_patience_s: int = setting(
        10,
        "MAKER_PATIENCE_S",
        description="how long an entry waits at the best bid before the rest is taken at once, market seconds",
        ge=1,
        le=3600,
    )
    twap_s: int = setting(300, "TWAP_S", description="over how long TWAP buys, market seconds", ge=2, le=86_400)
    twap_slices: int = setting(
        5, "TWAP_SLICES", description="in how many parts TWAP buys; fewer where one would be too small", ge=2, le=500
    )
    participation_percent: Decimal = setting(
        Decimal(10),
        "PARTICIPATION_PERCENT",
        description="most that an entry by TWAP or participation may be of what is traded in its market, percent",
        gt=0,
        le=100,
    )
    participation_s: int = setting(
        3600,
        "PARTICIPATION_S",
        description="how long an entry by participation may take, market seconds",
        ge=60,
        le=86_400,
    )

    def execution_choice(
        self,
        method: ExecutionMethod | None = None,
        *,
        seconds: int | None = None,
        slices: int | None = None,
        percent: Decimal | None = None,
    ) -> ExecutionChoice:
        """A method, by default that of the setting, with its measures where none are given."""
        chosen = method or self.entry_execution
        share = percent or self.participation_percent
        match chosen:
            case ExecutionMethod.MAKER_FIRST:
                return ExecutionChoice(chosen, seconds or self.maker_patience_s)
            case ExecutionMethod.TWAP:
                return ExecutionChoice(chosen, seconds or self.twap_s, slices or self.twap_slices, share)
            case ExecutionMethod.PARTICIPATION:
                return ExecutionChoice(chosen, seconds or self.participation_s, 1, share)
            case ExecutionMethod.AT_ONCE:
                return ExecutionChoice(chosen)
