"""The answers of keyed calls within one process."""

from __future__ import annotations

import asyncio

from shared.src.frame.idempotency import KeptAnswer, KeyedCall, of_another_call


class MemoryAnswers:
    """Implements ``shared.src.frame.idempotency.AnswerBook``. A call that was begun is not taken over."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], KeyedCall] = {}
        self._answers: dict[tuple[str, str], KeptAnswer] = {}
        self._changed = asyncio.Condition()

    async def begin(self, call: KeyedCall) -> KeptAnswer | None:
        place = (call.token_id, call.key)
        async with self._changed:
            while True:
                if place not in self._calls:
                    self._calls[place] = call
                    return None
                if self._calls[place] != call:
                    raise of_another_call(call, self._calls[place].route)
                if place in self._answers:
                    return self._answers[place]
                await self._changed.wait()

    async def finish(self, call: KeyedCall, answer: KeptAnswer | None) -> None:
        place = (call.token_id, call.key)
        async with self._changed:
            if answer is not None and answer.is_final:
                self._answers.setdefault(place, answer)
            else:
                self._calls.pop(place, None)
            self._changed.notify_all()
