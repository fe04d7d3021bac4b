"""From a fixture to the market it describes: temper of each symbol, source of outside trades, and when it starts."""

from decimal import Decimal

from shared.src.market.candle_files import read_bars
from simulator.engine.rules import MarketRules
from simulator.fixture import Fixture, FixtureError, SymbolConfig
from simulator.market.clock import ClockMode, wall_ms
from simulator.market.mirror import MirrorSource
from simulator.market.replay import ReplayMarket, play_start
from simulator.market.source import MarketSource, StillMarket, steps_for
from simulator.market.symbols import Profile, profile_of
from simulator.market.synthetic import HISTORY_MINUTES, SyntheticMarket

# 2026-01-01T00:00:00Z: where a stepped clock stands when the fixture does not say
STEPPED_START_MS = 1_767_225_600_000
MINUTE_MS = 60_000


def decimals_of(rules: MarketRules) -> int:
    """Decimals that any quantity of the symbol needs; 8 when it has no step."""
    step = rules.lot.step
    return 8 if not step else max(0, -int(step.normalize().as_tuple().exponent))


def profiles_of(fixture: Fixture) -> dict[str, Profile]:
    """How each symbol trades. Raises FixtureError for filters that make no sense."""
    return {symbol.symbol: _profile(symbol) for symbol in fixture.symbols}


def _profile(symbol: SymbolConfig) -> Profile:
    try:
        rules = MarketRules.create(symbol.symbol, symbol.base, symbol.quote, symbol.filters, status=symbol.status)
    except ValueError as error:
        raise FixtureError(str(error)) from error
    tick = rules.price.step or Decimal("0.00000001")
    step = rules.lot.step or Decimal("0.00000001")
    return profile_of(symbol.symbol, symbol.base, symbol.quote, price=symbol.last_price, tick=tick, step=step)


def open_mirror(fixture: Fixture) -> MirrorSource | None:
    """The exchange to mirror, None for a market of our own. Raises TransientError when it does not answer."""
    market = fixture.market
    if market.kind != "mirror":
        return None
    return MirrorSource(market.rest, market.streams, [symbol.symbol for symbol in fixture.symbols])


def listed(fixture: Fixture, mirror: MirrorSource) -> Fixture:
    """The fixture with its symbols as the mirrored exchange lists them."""
    symbols = [
        SymbolConfig(
            symbol=entry.symbol,
            base=entry.base,
            quote=entry.quote,
            status=entry.status,
            last_price=entry.last_price,
            filters=entry.filters,
        )
        for entry in mirror.listed()
    ]
    return fixture.model_copy(update={"symbols": symbols})


def build_source(
    fixture: Fixture, profiles: dict[str, Profile], resumed_ms: int | None = None, mirror: MirrorSource | None = None
) -> tuple[MarketSource, int]:
    """The source of the market and the market time (ms) it starts at; ``resumed_ms`` repeats the start of an earlier
    life."""
    if mirror is not None:
        mirror.set_decimals({symbol: profile.decimals for symbol, profile in profiles.items()})
        return mirror, wall_ms() if resumed_ms is None else resumed_ms
    clock, market = fixture.clock, fixture.market
    speed = {ClockMode.REAL: 1.0, ClockMode.ACCELERATED: clock.speed, ClockMode.STEPPED: 60.0}[clock.mode]
    steps = market.steps_per_minute or steps_for(speed)
    default_start = STEPPED_START_MS if clock.mode is ClockMode.STEPPED else wall_ms()
    # a clock that follows the wall starts now, whatever the fixture says
    start_ms = clock.start_ms() if clock.mode is not ClockMode.REAL else None
    if resumed_ms is not None:
        start_ms = resumed_ms
    if market.kind == "replay":
        return _replay(fixture, profiles, start_ms, steps)
    if start_ms is None:
        start_ms = default_start
    if market.kind == "still":
        return StillMarket({symbol.symbol: symbol.last_price for symbol in fixture.symbols}), start_ms
    history = HISTORY_MINUTES if market.history_minutes is None else market.history_minutes
    source = SyntheticMarket(
        list(profiles.values()),
        seed=fixture.seed,
        start_ms=start_ms,
        steps_per_minute=steps,
        history_minutes=history,
    )
    return source, start_ms


def _replay(
    fixture: Fixture, profiles: dict[str, Profile], start_ms: int | None, steps: int
) -> tuple[MarketSource, int]:
    bars = {symbol: read_bars(path) for symbol, path in fixture.market.files.items()}
    shift_ms = 0
    if fixture.clock.mode is ClockMode.REAL:
        start_ms = wall_ms() if start_ms is None else start_ms
        shift_ms = (start_ms - play_start(bars)) // MINUTE_MS * MINUTE_MS
    elif start_ms is None:
        start_ms = play_start(bars)
    source = ReplayMarket(bars, profiles, start_ms=start_ms, shift_ms=shift_ms, steps_per_minute=steps)
    for symbol in fixture.symbols:
        source.prices.setdefault(symbol.symbol, symbol.last_price)
    return source, start_ms
