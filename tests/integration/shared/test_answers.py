"""The answers of keyed calls in a real PostgreSQL."""

from __future__ import annotations

import pytest

from shared.src.database import Database
from shared.src.frame.idempotency import AnswerBook
from shared.src.frame.postgres_answers import PostgresAnswers
from shared.src.sql import text
from tests.behaviour.shared.answers import CALL, PLACED, AnswerBookBehaviour

pytestmark = pytest.mark.integration


class TestPostgresAnswers(AnswerBookBehaviour):
    @pytest.fixture
    async def book(self, database: Database) -> AnswerBook:
        return PostgresAnswers(database)


async def test_a_call_whose_process_died_is_taken_over_when_its_time_is_over(database: Database) -> None:
    book = PostgresAnswers(database)
    assert await book.begin(CALL) is None
    async with database.begin() as connection:
        await connection.execute(text("UPDATE idempotency_keys SET claimed_until = now() - interval '1 second'"))
    assert await book.begin(CALL) is None


async def test_old_answers_are_forgotten(database: Database) -> None:
    book = PostgresAnswers(database)
    assert await book.begin(CALL) is None
    await book.finish(CALL, PLACED)
    await book.forget_old()
    assert await book.begin(CALL) == PLACED
    async with database.begin() as connection:
        await connection.execute(text("UPDATE idempotency_keys SET created_at = now() - interval '31 days'"))
    await book.forget_old()
    assert await book.begin(CALL) is None
