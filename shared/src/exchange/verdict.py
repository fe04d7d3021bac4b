"""What an answer of Binance that is not a success means for whoever asked (binance.md sections 3.1 and 4)."""

from __future__ import annotations

from dataclasses import dataclass

from shared.src.domain.errors import OutcomeUnknownError, RejectedError, TransientError

# Binance gave no verdict: the request may or may not have been carried out.
NO_VERDICT = frozenset({-1000, -1001, -1006, -1007, -1008})
CLOCK_IS_OFF = -1021
TOO_MANY_CODES = frozenset({-1003, -1015})
TOO_MANY_STATUSES = frozenset({418, 429})
RETRY_AFTER_S = 10.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP status with Binance's code (0: the body was not Binance's) and the header Retry-After (empty: none)."""

    status: int
    code: int
    message: str
    retry_after: str = ""

    @property
    def wait_s(self) -> float | None:
        """For how long nobody may ask; None when others may."""
        if self.status not in TOO_MANY_STATUSES and self.code not in TOO_MANY_CODES:
            return None
        try:
            return max(1.0, float(self.retry_after))
        except ValueError:
            return RETRY_AFTER_S


def error_of(refusal: Refusal) -> TransientError | OutcomeUnknownError | RejectedError:
    """The error to raise; a caller that only reads may take an unknown outcome for a transient one."""
    code, text = refusal.code, refusal.message if refusal.code else f"HTTP {refusal.status}"
    if refusal.wait_s is not None:
        return TransientError(f"told to wait {refusal.wait_s:.0f} s: {text}")
    if refusal.status >= 500 or code in NO_VERDICT:
        return OutcomeUnknownError(f"no verdict from the exchange: {code} {text}")
    if code == CLOCK_IS_OFF:
        return TransientError(f"{code} {text}; the clock is measured again")
    return RejectedError(f"{code} {text}" if code else text, code=code or refusal.status)
