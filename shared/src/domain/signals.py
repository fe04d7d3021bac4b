"""How strong a signal is, as a number of 0 to 1 and as the level derived from it."""

from __future__ import annotations

from enum import StrEnum


class StrengthLevel(StrEnum):
    WEAK = "WEAK"
    MODERATE = "MODERATE"
    STRONG = "STRONG"
    VERY_STRONG = "VERY_STRONG"

    @classmethod
    def of(cls, strength: float) -> StrengthLevel:
        """0-.4 weak, .4-.6 moderate, .6-.8 strong, from .8 very strong."""
        bounds = ((0.8, cls.VERY_STRONG), (0.6, cls.STRONG), (0.4, cls.MODERATE))
        return next((level for bound, level in bounds if strength >= bound), cls.WEAK)
