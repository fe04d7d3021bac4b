"""Decimal arithmetic for money: rounding goes to the safe side, in one place.

Amounts come from text or integers, never from floats: a float that touches money is an error, not a rounding.
"""

from decimal import ROUND_DOWN, ROUND_UP, Decimal

ZERO = Decimal(0)
ONE = Decimal(1)
PRICE_PLACES = 12  # of stored prices


def to_decimal(value: str | int | Decimal) -> Decimal:
    """A finite Decimal from text, an integer or a Decimal.

    Raises:
        TypeError: the value is a float (its decimal digits are not what was meant).
        ValueError: the text is not a finite number.
    """
    if isinstance(value, float):
        raise TypeError(f"money never comes from a float: {value!r}")
    try:
        amount = Decimal(value)
    except ArithmeticError as error:
        raise ValueError(f"not a number: {value!r}") from error
    if not amount.is_finite():
        raise ValueError(f"not a finite number: {value!r}")
    return amount


def score_to_decimal(score: float, places: int = 8) -> Decimal:
    """The single crossing from indicators and scores (floats) into amounts, at a stated precision."""
    return Decimal(f"{score:.{places}f}")


def floor_to_step(amount: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of ``step`` not above ``amount`` (LOT_SIZE: a sale never exceeds what is held)."""
    if step <= 0:
        return amount
    return (amount / step).to_integral_value(rounding=ROUND_DOWN) * step


def ceil_to_step(amount: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of ``step`` not below ``amount``."""
    if step <= 0:
        return amount
    return (amount / step).to_integral_value(rounding=ROUND_UP) * step


def wire(amount: Decimal) -> str:
    """Text for JSON and REST: plain digits, no exponent, no trailing zeros."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if text not in {"", "-0"} else "0"
