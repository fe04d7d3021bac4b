"""What a fixture turns into: exchange, clock, candles, keys and the source of outside trades. A reset replaces it
whole."""

from simulator.api.auth import ApiKey, generate_key, load_key
from simulator.api.limits import RateLimits
from simulator.assembly import build_source, listed, open_mirror, profiles_of
from simulator.engine.exchange import Engine
from simulator.fixture import AccountConfig, Fixture
from simulator.market.clock import MarketClock
from simulator.opening import first_id, open_market


class World:
    """Built from a fixture; ``start_ms`` is where the market started in an earlier life.

    Raises FixtureError or ValueError when the fixture makes no sense, TransientError when the exchange to mirror does
    not answer.
    """

    def __init__(self, fixture: Fixture, *, start_ms: int | None = None) -> None:
        mirror = open_mirror(fixture)
        if mirror is not None:
            fixture = listed(fixture, mirror)
        self.fixture = fixture
        self.profiles = profiles_of(fixture)
        self.source, start_ms = build_source(fixture, self.profiles, start_ms, mirror)
        self.clock = MarketClock(fixture.clock.mode, speed=fixture.clock.speed, start_ms=start_ms)
        self.exchange = Engine(first_id=first_id(fixture), history=fixture.history)
        self.candles = open_market(fixture, self.exchange, self.source, start_ms)
        self.keys: dict[str, ApiKey] = {}
        config = fixture.limits
        self.limits = RateLimits(
            config.weight_1m, config.orders_10s, config.orders_1d, config.raw_5m, config.connections_5m
        )
        for account in fixture.accounts:
            self.open_account(account)

    def open_account(self, config: AccountConfig) -> ApiKey:
        """Open an account; returns its key. Raises ValueError when the name is taken."""
        account = self.exchange.add_account(
            config.name, config.balances, config.maker, config.taker, bnb_discount=config.bnb_discount
        )
        account.can_withdraw = config.can_withdraw
        account.max_assets = dict(config.max_assets)
        if config.api_key and config.secret_key:
            key = load_key(config.name, config.api_key, config.secret_key, config.key_type)
        else:
            key = generate_key(config.name, config.key_type, seed=str(self.fixture.seed))
        self.keys[key.api_key] = key
        return key

    @property
    def has_outside(self) -> bool:
        """False for a still market, where nothing trades by itself."""
        return self.fixture.market.kind != "still"
