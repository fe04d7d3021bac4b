"""What outside participants offer around a price: a book on a fixed grid, so that a small move changes few levels."""

from decimal import Decimal

from simulator.market.symbols import Profile

Level = tuple[Decimal, Decimal]
LEVELS = 20
# The share of a minute's turnover that one level holds
LEVEL_SHARE = 0.12
_MIX = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_CACHE_MAX = 4096


def spread_ticks(profile: Profile, price: Decimal) -> int:
    """The distance of best bid and best ask in ticks, at least 1."""
    return max(1, round(float(price) * profile.spread_bps / 10_000 / float(profile.tick)))


def _noise(seed: int, number: int) -> float:
    """A reproducible number in [0, 1) for a place on the grid (SplitMix64)."""
    mixed = (number * _MIX + seed) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((mixed ^ (mixed >> 31)) >> 11) / (1 << 53)


class OutsideBook:
    """Builds the outside levels of one symbol. The same seed, price and side give the same levels."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self._profile = profile
        self._seed = seed
        self._tick = profile.tick
        self._step = profile.step
        self.depth = 1.0
        self._cache: dict[int, Level] = {}
        self._spacing = spread_ticks(profile, profile.price)

    def _level(self, place: int) -> Level:
        """The level at the grid place ``place``, a multiple of the spacing."""
        level = self._cache.get(place)
        if level is None:
            if len(self._cache) >= _CACHE_MAX:
                self._cache.clear()
            price = self._tick * (place * self._spacing)
            level = self._cache[place] = (price, self._quantity(price, place))
        return level

    def _quantity(self, price: Decimal, place: int) -> Decimal:
        amount = self._profile.turnover * LEVEL_SHARE * self.depth * (0.4 + 1.6 * _noise(self._seed, place))
        steps = max(1, int(amount / float(price) / float(self._step)))
        return self._step * steps

    def resize(self, depth: float) -> None:
        """Make every level ``depth`` times its ordinary size (a fault thins the book with it)."""
        self.depth = depth
        self._cache.clear()

    def around(self, price: Decimal, *, taker_buys: bool, traded: Decimal) -> tuple[list[Level], list[Level]]:
        """Bids (best first) and asks (best first) such that a taker of ``traded`` finds it all at ``price``."""
        ticks = int(price / self._tick)
        spread = spread_ticks(self._profile, price)
        best_bid = max(1, ticks - spread) if taker_buys else ticks
        best_ask = best_bid + spread if best_bid != ticks - spread or not taker_buys else ticks
        touched = max(self._quantity(price, ticks), self._step * int(traded / self._step * 5 / 4 + 1))
        other = self._quantity(price, ticks + 1)
        bids: list[Level] = [(self._tick * best_bid, other if taker_buys else touched)]
        asks: list[Level] = [(self._tick * best_ask, touched if taker_buys else other)]
        below, above = (best_bid - 1) // self._spacing, best_ask // self._spacing + 1
        bids += [self._level(below - index) for index in range(min(LEVELS - 1, below))]
        asks += [self._level(above + index) for index in range(LEVELS - 1)]
        return bids, asks
