"""What every message has in common."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

from shared.src.domain.money import wire


def _finite(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise ValueError("must be a finite number")
    return value


Amount = Annotated[Decimal, AfterValidator(_finite), PlainSerializer(wire, return_type=str, when_used="json")]
Positive = Annotated[Amount, Field(gt=0)]
NonNegative = Annotated[Amount, Field(ge=0)]
Symbol = Annotated[str, Field(min_length=3, max_length=20)]
UnitScore = Annotated[float, Field(ge=0, le=1)]


class Message(BaseModel):
    """A frozen message; unknown fields are refused, so a changed meaning needs a new topic."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    message_id: str
    occurred_at: datetime
    correlation_id: str = ""
