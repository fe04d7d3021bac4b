"""Ids that follow from what they name, so that the same decision always carries the same id."""

import hashlib


def derived_id(prefix: str, *parts: object) -> str:
    """``prefix-`` and 24 hex digits of SHA-256 over the parts; letters Binance takes in a client order id."""
    text = "\x1f".join(str(part) for part in parts)
    return f"{prefix}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def client_order_id(intent_id: str, leg: str, attempt: int) -> str:
    """The exchange-side id of one attempt of one leg of an intent (at most 36 characters, [A-Za-z0-9_-])."""
    return derived_id("rt", intent_id, leg, attempt)
