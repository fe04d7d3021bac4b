"""What a book of answers does, written once: run on the one in memory and on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from shared.src.domain.errors import RejectedError
from shared.src.frame.idempotency import AnswerBook, KeptAnswer, KeyedCall, body_fingerprint

CALL = KeyedCall("token-1", "key-1", "POST /order", body_fingerprint(b'{"quantity": 1}'))
PLACED = KeptAnswer(201, '{"order": 1}')
REFUSED = KeptAnswer(422, '{"detail": "too much"}')


class AnswerBookBehaviour:
    @pytest.mark.parametrize("answer", [PLACED, REFUSED, KeptAnswer(404, "{}"), KeptAnswer(409, "{}")])
    async def test_a_call_that_was_answered_is_answered_the_same(self, book: AnswerBook, answer: KeptAnswer) -> None:
        assert await book.begin(CALL) is None
        await book.finish(CALL, answer)
        assert await book.begin(CALL) == answer
        assert await book.begin(CALL) == answer

    @pytest.mark.parametrize("answer", [None, KeptAnswer(503, "{}"), KeptAnswer(500, "{}"), KeptAnswer(403, "{}")])
    async def test_what_says_nothing_of_the_call_is_not_kept(self, book: AnswerBook, answer: KeptAnswer | None) -> None:
        assert await book.begin(CALL) is None
        await book.finish(CALL, answer)
        assert await book.begin(CALL) is None

    @pytest.mark.parametrize("answered", [True, False])
    @pytest.mark.parametrize(
        "other", [replace(CALL, body_sha256=body_fingerprint(b"{}")), replace(CALL, route="POST /close-position")]
    )
    async def test_a_key_belongs_to_one_call(self, book: AnswerBook, other: KeyedCall, answered: bool) -> None:
        assert await book.begin(CALL) is None
        if answered:
            await book.finish(CALL, PLACED)
        with pytest.raises(RejectedError, match="POST /order") as refused:
            await book.begin(other)
        assert refused.value.code == 409

    async def test_a_key_belongs_to_its_token(self, book: AnswerBook) -> None:
        assert await book.begin(CALL) is None
        await book.finish(CALL, PLACED)
        assert await book.begin(replace(CALL, token_id="token-2")) is None

    async def test_of_concurrent_calls_one_is_carried_out(self, book: AnswerBook) -> None:
        carried_out = 0

        async def call() -> KeptAnswer:
            nonlocal carried_out
            if (kept := await book.begin(CALL)) is not None:
                return kept
            carried_out += 1
            await asyncio.sleep(0.1)
            await book.finish(CALL, PLACED)
            return PLACED

        answers = await asyncio.gather(*(call() for _ in range(5)))
        assert (answers, carried_out) == ([PLACED] * 5, 1)

    async def test_after_a_failure_the_next_in_line_carries_it_out(self, book: AnswerBook) -> None:
        assert await book.begin(CALL) is None
        waiting = asyncio.create_task(book.begin(CALL))
        await asyncio.sleep(0.1)
        await book.finish(CALL, None)
        assert await waiting is None
