"""Exact arithmetic of the exchange: products are floored to 8 decimals, the precision of every asset.

Flooring is superadditive (floor(a+b) >= floor(a) + floor(b)), so what is locked for an order always covers
the sum of its parts, however it is filled.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_UP, Context, Decimal

ZERO = Decimal(0)
ONE = Decimal(1)
E8 = Decimal("0.00000001")
BASIS_POINTS = Decimal(10_000)

_EXACT = Context(prec=64, rounding=ROUND_DOWN)


def floor8(amount: Decimal) -> Decimal:
    """``amount`` cut after the eighth decimal."""
    return _EXACT.quantize(amount, E8)


def ceil8(amount: Decimal) -> Decimal:
    """``amount`` rounded up to eight decimals: for budgets that must suffice."""
    return amount.quantize(E8, rounding=ROUND_UP, context=_EXACT)


def notional(price: Decimal, quantity: Decimal) -> Decimal:
    """price x quantity in the quote asset, floored to 8 decimals."""
    return _EXACT.quantize(_EXACT.multiply(price, quantity), E8)


def multiply(left: Decimal, right: Decimal) -> Decimal:
    """The exact product of two amounts (64 digits)."""
    return _EXACT.multiply(left, right)


def divide(left: Decimal, right: Decimal) -> Decimal:
    """The quotient, rounded down at 64 digits."""
    return _EXACT.divide(left, right)


def floor_to(amount: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of ``step`` not above ``amount``; a step of 0 means 8 decimals."""
    if step <= ZERO:
        return floor8(amount)
    return _EXACT.multiply(_EXACT.divide_int(amount, step), step)


def is_multiple(amount: Decimal, step: Decimal) -> bool:
    """True if ``amount`` lies on the grid of ``step``; a step of 0 switches the rule off."""
    return step <= ZERO or _EXACT.remainder(amount, step) == ZERO


def ceil_div(left: Decimal, right: Decimal) -> int:
    """ceil(left / right) for positive amounts."""
    return -int(_EXACT.divide_int(-left, right) - (1 if _EXACT.remainder(left, right) else 0))


def fixed(amount: Decimal, decimals: int = 8) -> str:
    """The wire form of an amount: fixed decimals, no exponent."""
    return f"{amount:.{decimals}f}"
