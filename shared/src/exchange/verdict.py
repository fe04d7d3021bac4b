"""What an answer of Binance that is not a success means for whoever asked (binance.md sections 3.1 and 4)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

from shared.src.domain.errors import OutcomeUnknownError, RejectedError, TransientError

# Binance gave no verdict: the request may or may not have been carried out.
NO_VERDICT = frozenset({-1000, -1001, -1006, -1007, -1008})
CLOCK_IS_OFF = -1021
TOO_MANY_CODES = frozenset({-1003, -1015})
TOO_MANY_STATUSES = frozenset({418, 429})
RETRY_AFTER_S = 10.0
RETRY_AFTER_S_MAX = 3 * 24 * 3600.0  # Binance bans for three days at most
WORDS_MAX = 200
HIDDEN = "[hidden]"
# A signed query, the header with the key, and any unbroken run that is longer than the words of a reason are.
_SENT = re.compile(r"(?i)\S*(?:signature|timestamp|recvwindow|apikey)=\S*|x-mbx-apikey\W{1,4}\S+|[\w%+/=-]{40,}")
# A cancel-replace of which a half failed; ``data`` of the body says which, and why.
REPLACE_FAILED = frozenset({-2021, -2022})


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
            return min(max(1.0, float(self.retry_after)), RETRY_AFTER_S_MAX)
        except ValueError:
            return RETRY_AFTER_S


def refusal_of(status: int, body: bytes, *, retry_after: str = "", hidden: Collection[str] = ()) -> Refusal:
    """What an answer that is not a success says, as far as it may be told.

    Only Binance's own form is read, a whole ``code`` and the words of ``msg``; any other body was written by somebody
    else (a proxy, a firewall) and may hold what was sent to it. ``hidden``: what no words may show.
    """
    known = object_in(body)
    code, words = half_that_failed(known)
    if not isinstance(code, int) or isinstance(code, bool) or not isinstance(words, str):
        return Refusal(status, 0, "", retry_after)
    return Refusal(status, code, words_without(words, hidden), retry_after)


def object_in(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is; empty when it is none."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def words_without(words: str, hidden: Collection[str] = ()) -> str:
    """The exchange's words, short, without secrets: a server may repeat what was sent to it."""
    for secret in hidden:
        words = words.replace(secret, HIDDEN) if secret else words
    printable = "".join(character if character.isprintable() else " " for character in words)
    return _SENT.sub(HIDDEN, printable)[:WORDS_MAX]


def error_of(refusal: Refusal) -> TransientError | OutcomeUnknownError | RejectedError:
    """The error to raise; a caller that only reads may take an unknown outcome for a transient one."""
    code, text = refusal.code, refusal.message if refusal.code else f"HTTP {refusal.status}"
    if refusal.wait_s is not None:
        return TransientError(f"told to wait {refusal.wait_s:.0f} s: {text}")
    if refusal.status < HTTPStatus.BAD_REQUEST or refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return OutcomeUnknownError(f"no verdict from the exchange: HTTP {refusal.status} {code or ''}".rstrip())
    if code in NO_VERDICT:
        return OutcomeUnknownError(f"no verdict from the exchange: {code} {text}")
    if code == CLOCK_IS_OFF:
        return TransientError(f"{code} {text}; the clock is measured again")
    return RejectedError(f"{code} {text}" if code else text, code=code or refusal.status)


def half_that_failed(body: Mapping[str, Any]) -> tuple[Any, Any]:
    """Code and words of a refusal; of a cancel-replace (STOP_ON_FAILURE), those of the half that failed.

    That is the cancel, and nothing was placed; or the new order, after the cancel.
    """
    code, words, halves = body.get("code"), body.get("msg"), body.get("data")
    if code not in REPLACE_FAILED or not isinstance(halves, Mapping):
        return code, words
    answers = (halves.get(half) for half in ("cancelResponse", "newOrderResponse"))
    failed = next((answer for answer in answers if isinstance(answer, Mapping) and "msg" in answer), body)
    return failed.get("code"), failed.get("msg")
