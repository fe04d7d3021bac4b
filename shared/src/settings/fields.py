"""How a setting is declared: its default, its variable and older names of it, what it means, its limits."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, Field
from pydantic_settings import NoDecode

from shared.src.domain.candles import Timeframe

Words = Annotated[tuple[str, ...], NoDecode]
Frames = Annotated[tuple[Timeframe, ...], NoDecode]


def setting(default: Any, *names: str, description: str, **limits: Any) -> Any:
    """A field that is read from the first of the variables ``names`` that is set."""
    return Field(default=default, validation_alias=AliasChoices(*names), description=description, **limits)


def words(value: Any, *, upper: bool = False) -> tuple[str, ...]:
    """Words from a list or from text separated by commas, without the empty ones."""
    parts = value.split(",") if isinstance(value, str) else list(value)
    found = (str(part).strip() for part in parts)
    return tuple(word.upper() if upper else word for word in found if word)
