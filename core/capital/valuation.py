"""What an asset is worth. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal

BRIDGES = ("USDC", "USDT", "FDUSD", "BTC", "ETH", "BNB")
EARN_PREFIX = "LD"  # flexible Simple Earn shows in the account as LDUSDC
ASSET_LENGTH_MIN = 3
EURO = "EUR"
VALUE_STEP = Decimal("0.000000000001")


def symbols_of(assets: Iterable[str], quote: str) -> list[str]:
    """Every symbol whose price may help to value ``assets`` in ``quote``."""
    targets = {quote, EURO, *BRIDGES}
    known = set(assets)
    lent = {asset for asset in map(underlying, known) if asset is not None}
    pairs = {(asset, target) for asset in known | lent | targets for target in targets if asset != target}
    return sorted({base + other for pair in pairs for base, other in (pair, pair[::-1])})


def rate(asset: str, quote: str, prices: Mapping[str, Decimal]) -> Decimal | None:
    """Price of one ``asset`` in ``quote``: direct, inverse, or over one bridge; None when no route has a price.

    A receipt of flexible Earn is worth what it stands for.
    """
    if asset == quote:
        return Decimal(1)
    direct = _one_step(asset, quote, prices)
    if direct is not None:
        return direct
    for bridge in BRIDGES:
        first, second = _one_step(asset, bridge, prices), _one_step(bridge, quote, prices)
        if first is not None and second is not None:
            return first * second
    lent = underlying(asset)
    return None if lent is None else rate(lent, quote, prices)


def rates_of(assets: Iterable[str], quote: str, prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Units of ``quote`` for one unit of each asset whose price is known."""
    found = {asset: rate(asset, quote, prices) for asset in assets}
    return {asset: price for asset, price in found.items() if price is not None}


def underlying(asset: str) -> str | None:
    """Of a receipt of flexible Earn, the asset it stands for; None for every other asset (LDO is one of them)."""
    lent = asset.removeprefix(EARN_PREFIX)
    return lent if lent != asset and len(lent) >= ASSET_LENGTH_MIN else None


def _one_step(asset: str, quote: str, prices: Mapping[str, Decimal]) -> Decimal | None:
    if (price := prices.get(asset + quote)) is not None:
        return price
    if (inverse := prices.get(quote + asset)) is not None and inverse > 0:
        return 1 / inverse
    return None


def value(amount: Decimal, asset: str, quote: str, prices: Mapping[str, Decimal]) -> Decimal | None:
    """What ``amount`` of ``asset`` is worth in ``quote`` (12 decimals); None when nobody knows."""
    price = rate(asset, quote, prices)
    if price is None:
        return None
    return (amount * price).quantize(VALUE_STEP, rounding=ROUND_HALF_EVEN)
