"""The 22 pairs the platform trades by default, as Binance would list them: grid, filters, price and temper.

Prices are of the order of 2026; ticks and steps are those of comparable Binance pairs. ``volatility`` is the standard
deviation of one minute's return in calm times, ``turnover`` the quote amount of an ordinary minute.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Profile:
    """How one symbol trades: what the synthetic model and the outside book need to know."""

    symbol: str
    base: str
    quote: str
    price: Decimal
    tick: Decimal
    step: Decimal
    volatility: float = 0.0013
    turnover: float = 20_000.0
    quiet: float = 0.0
    spread_bps: float = 3.0

    @property
    def decimals(self) -> int:
        """Decimals of the quantity step."""
        return max(0, -int(self.step.normalize().as_tuple().exponent))


def _profile(line: str) -> Profile:
    base, price, tick, step, volatility, turnover, quiet, spread = line.split()
    return Profile(
        symbol=f"{base}USDC",
        base=base,
        quote="USDC",
        price=Decimal(price),
        tick=Decimal(tick),
        step=Decimal(step),
        volatility=float(volatility),
        turnover=float(turnover),
        quiet=float(quiet),
        spread_bps=float(spread),
    )


# base, price, tick, step, volatility of a calm minute, turnover of a minute, share of quiet minutes, spread in bps
_TABLE = """
BTC    95000      0.01       0.00001 0.00075 400000 0.000 0.2
ETH    3300       0.01       0.0001  0.00090 250000 0.000 0.3
SOL    180        0.01       0.001   0.00110 120000 0.000 0.8
XRP    2.2        0.0001     0.1     0.00105 80000  0.000 0.8
ADA    0.75       0.0001     0.1     0.00115 30000  0.000 1.5
UNI    9.5        0.001      0.01    0.00125 12000  0.005 2.0
AAVE   260        0.01       0.001   0.00125 15000  0.005 1.5
COMP   62         0.01       0.001   0.00130 5000   0.020 3.0
LINK   19         0.001      0.01    0.00115 25000  0.000 1.2
SAND   0.45       0.0001     1       0.00135 6000   0.015 3.0
AXS    5.2        0.001      0.01    0.00140 4000   0.025 3.5
ENJ    0.16       0.00001    0.1     0.00145 3000   0.030 4.0
FET    1.05       0.0001     0.1     0.00145 12000  0.005 2.0
RENDER 6.4        0.001      0.01    0.00140 11000  0.005 2.0
PEPE   0.0000145  0.00000001 1       0.00160 40000  0.000 7.0
DOGE   0.28       0.00001    1       0.00125 60000  0.000 0.8
SHIB   0.0000195  0.00000001 1       0.00130 25000  0.000 5.0
AVAX   34         0.01       0.01    0.00120 25000  0.000 3.0
ATOM   6.6        0.001      0.01    0.00115 10000  0.005 2.0
NEAR   4.6        0.001      0.1     0.00130 14000  0.002 2.2
ALGO   0.29       0.0001     1       0.00125 8000   0.010 3.5
POL    0.42       0.0001     0.1     0.00125 9000   0.010 2.5
"""

DEFAULT_PROFILES: tuple[Profile, ...] = tuple(_profile(line) for line in _TABLE.strip().splitlines())
_BY_SYMBOL = {profile.symbol: profile for profile in DEFAULT_PROFILES}


def default_filters(tick: Decimal, step: Decimal, price: Decimal) -> list[dict[str, Any]]:
    """The filters Binance gives an ordinary spot pair with this grid."""
    quantity_max = _power_above(Decimal(9_000_000) / price)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": _eight(tick),
            "maxPrice": _eight(_power_above(price) * 100),
            "tickSize": _eight(tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": _eight(step),
            "maxQty": _eight(quantity_max),
            "stepSize": _eight(step),
        },
        {"filterType": "ICEBERG_PARTS", "limit": 100},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": _eight(quantity_max / 10),
            "stepSize": "0.00000000",
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 10,
            "maxTrailingAboveDelta": 2000,
            "minTrailingBelowDelta": 10,
            "maxTrailingBelowDelta": 2000,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": "5",
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": "0.2",
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": "5.00000000",
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
    ]


def default_symbols() -> list[dict[str, Any]]:
    """The fixture form of the 22 pairs: what ``"symbols": "default"`` stands for."""
    return [
        {
            "symbol": profile.symbol,
            "base": profile.base,
            "quote": profile.quote,
            "status": "TRADING",
            "last_price": format(profile.price, "f"),
            "filters": default_filters(profile.tick, profile.step, profile.price),
        }
        for profile in DEFAULT_PROFILES
    ]


def profile_of(symbol: str, base: str, quote: str, *, price: Decimal, tick: Decimal, step: Decimal) -> Profile:
    """The temper of a symbol of a fixture: that of the default pair with the same base, else an ordinary
    altcoin's."""
    like = _BY_SYMBOL.get(f"{base}USDC", _BY_SYMBOL["LINKUSDC"])
    return Profile(
        symbol=symbol,
        base=base,
        quote=quote,
        price=price,
        tick=tick,
        step=step,
        volatility=like.volatility,
        turnover=like.turnover,
        quiet=like.quiet,
        spread_bps=like.spread_bps,
    )


def _eight(value: Decimal) -> str:
    return f"{value:.8f}"


def _power_above(value: Decimal) -> Decimal:
    """The smallest power of ten that is not below ``value``."""
    power = Decimal(1).scaleb(value.adjusted())
    return power if power == value else power * 10
