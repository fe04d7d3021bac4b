"""The answers of keyed calls in memory."""

from __future__ import annotations

import pytest

from shared.memory.answers import MemoryAnswers
from shared.src.frame.idempotency import AnswerBook
from tests.behaviour.shared.answers import AnswerBookBehaviour


class TestMemoryAnswers(AnswerBookBehaviour):
    @pytest.fixture
    async def book(self) -> AnswerBook:
        return MemoryAnswers()
