"""Whether the trader sees what happens to the account. Nothing is bought blind."""

from __future__ import annotations

from typing import Final

# How old the last comparison with the exchange may be, seconds: while events arrive, and while they do not.
COMPARED_S_MAX: Final = 60.0
SWEPT_S_MAX: Final = 20.0


def blind_refusal(compared_s_ago: float | None, *, hears: bool) -> str:
    """Why nothing may be opened; empty when it may.

    ``compared_s_ago``: age of the last whole comparison with the exchange, None before the first; ``hears``: whether
    the account's events arrive.
    """
    if compared_s_ago is None:
        return "the account was not compared with the exchange yet"
    if compared_s_ago > COMPARED_S_MAX:
        return f"the account was last compared with the exchange {compared_s_ago:.0f} s ago"
    if not hears and compared_s_ago > SWEPT_S_MAX:
        return f"no events arrive, and the account was last compared with the exchange {compared_s_ago:.0f} s ago"
    return ""
