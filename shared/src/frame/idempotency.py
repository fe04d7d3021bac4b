"""Idempotency keys: a write that is repeated under its key is done once and answered as it was the first time.

A key belongs to the token that sent it, and to one call: method, path and body. Its answer is kept, refusals too,
across restarts; what proves nothing of the call (5xx, no token, too many calls) is not, so that it may be tried again.

A process may die between an effect and its answer. Then the call is carried out again by whoever repeats it, which is
safe: effects that move money have ids that follow from the key (orders) or from what they are about (reservations,
exits), and are found instead of made a second time.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from shared.src.domain.errors import RejectedError, TransientError

logger = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
DESCRIPTION = "A call repeated under its key is done once and answered as the first time; without a key it is another"
KEY_LENGTH_MAX = 200
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})

# Answers that say nothing of the call itself.
NOT_KEPT = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class KeyedCall:
    """A write under a key. ``route``: method and path."""

    token_id: str
    key: str
    route: str
    body_sha256: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a call was answered with. ``body``: JSON."""

    status: int
    body: str

    @property
    def is_final(self) -> bool:
        """Whether a repeated call gets it too."""
        return self.status < HTTPStatus.INTERNAL_SERVER_ERROR and self.status not in NOT_KEPT


class AnswerBook(Protocol):
    """Raises TransientError while it is away: a keyed call is not carried out without it."""

    async def begin(self, call: KeyedCall) -> KeptAnswer | None:
        """The answer of this call, or None: carry it out, then ``finish``. Waits while somebody else carries it out.

        Raises:
            RejectedError: code 409, the key belongs to another call.
        """
        ...

    async def finish(self, call: KeyedCall, answer: KeptAnswer | None) -> None:
        """Keep the answer if it is final; otherwise, and without one, the call may be begun again."""
        ...


async def keep(book: AnswerBook, call: KeyedCall, answer: KeptAnswer | None) -> None:
    """Finish a call whose effect is there: its caller gets the answer even if the book is away by now."""
    try:
        await book.finish(call, answer)
    except TransientError as error:
        logger.warning("answer not kept", extra={"route": call.route, "reason": str(error)})


def is_key(header: str | None) -> bool:
    """Whether a header holds a key: a blank one is none."""
    key = (header or "").strip()
    return 0 < len(key) <= KEY_LENGTH_MAX and key.isprintable()


def key_of(header: str | None) -> str:
    """The key that a header holds; empty when there is none, or a blank one.

    Raises:
        RejectedError: code 422, it is too long or not printable.
    """
    if header is None or not header.strip():
        return ""
    if not is_key(header):
        raise RejectedError(f"{HEADER}: at most {KEY_LENGTH_MAX} printable characters", code=422)
    return header.strip()


def body_fingerprint(body: bytes) -> str:
    """The same for bodies that say the same: the order of fields and the space between them do not count."""
    try:
        content = json.loads(body or b"{}", parse_float=str, parse_constant=str)
        body = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        pass  # not JSON: taken as it is, the route refuses it
    return hashlib.sha256(body).hexdigest()


def of_another_call(call: KeyedCall, route: str) -> RejectedError:
    """The refusal of a key that was used for ``route``, or for another body of the same route."""
    used = f"for {route}" if route != call.route else f"for {route} with another body"
    return RejectedError(f"{HEADER}: this key was used {used}; every call needs its own", code=HTTPStatus.CONFLICT)
