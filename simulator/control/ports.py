"""What the control API needs of the twin it controls; ``simulator.twin.Twin`` has it."""

from collections.abc import Mapping
from typing import Any, Protocol

from simulator.api.auth import ApiKey
from simulator.api.faults.rules import Faults
from simulator.api.state import TwinState
from simulator.api.streams.hub import Hub
from simulator.api.streams.user_stream import UserStreams
from simulator.engine.exchange import Engine
from simulator.fixture import AccountConfig, Fixture
from simulator.market.candle_store import TwinCandles
from simulator.market.clock import MarketClock


class ControlledMarket(Protocol):
    """The outside participants of a market."""

    ticks_played: int

    def gap(self, symbol: str, percent: float) -> None:
        """Shift a symbol's price from the next step on. Raises ValueError where that cannot be."""
        ...

    def thin(self, symbol: str, depth: float) -> None:
        """Shrink what is offered to a share of its size. Raises ValueError where nobody offers."""
        ...

    def freeze(self, symbol: str, *, frozen: bool = True) -> None:
        """Let outside participants stay away from a symbol, or come back."""
        ...

    def view(self) -> dict[str, Any] | None:
        """How the market that is mirrored does; None for one of our own."""
        ...


class ControlledTwin(Protocol):
    """One running instance. What it consists of is replaced by a reset, so it is asked for every time."""

    faults: Faults
    hub: Hub
    users: UserStreams
    state: TwinState

    @property
    def exchange(self) -> Engine: ...

    @property
    def clock(self) -> MarketClock: ...

    @property
    def candles(self) -> TwinCandles: ...

    @property
    def driver(self) -> ControlledMarket: ...

    @property
    def keys(self) -> Mapping[str, ApiKey]: ...

    @property
    def market_kind(self) -> str: ...

    def horizon(self) -> int:
        """Market time (ms) up to which the market has been played."""
        ...

    def flush(self) -> None:
        """Hand out what a change of the exchange caused."""
        ...

    def open_account(self, config: AccountConfig) -> ApiKey:
        """Raises ValueError when the name is taken."""
        ...

    async def reset(self, fixture: Fixture) -> None:
        """Start over."""
        ...

    async def advance(self, step_ms: int) -> None:
        """Move a stepped clock, playing the market on the way. Raises ValueError for another clock."""
        ...
