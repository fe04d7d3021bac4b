"""The answers of keyed calls in PostgreSQL, for all processes of the platform together."""

from __future__ import annotations

import asyncio

from shared.src.database import Database
from shared.src.frame.idempotency import KeptAnswer, KeyedCall, of_another_call
from shared.src.sql import text

CLAIM_S = 10  # a call that was begun and got no answer for this long is taken over by whoever repeats it
POLL_S = 0.05
KEPT_DAYS = 30

CLAIM = f"""
INSERT INTO idempotency_keys (token_id, key, route, body_sha256, claimed_until)
VALUES (:token_id, :key, :route, :body_sha256, now() + interval '{CLAIM_S} seconds')
ON CONFLICT (token_id, key) DO UPDATE SET claimed_until = EXCLUDED.claimed_until
WHERE idempotency_keys.status IS NULL AND idempotency_keys.claimed_until < now()
    AND idempotency_keys.route = EXCLUDED.route AND idempotency_keys.body_sha256 = EXCLUDED.body_sha256
RETURNING key
"""
READ = "SELECT route, body_sha256, status, answer FROM idempotency_keys WHERE token_id = :token_id AND key = :key"
KEEP = """
UPDATE idempotency_keys SET status = :status, answer = :answer
WHERE token_id = :token_id AND key = :key AND status IS NULL
"""
GIVE_UP = "DELETE FROM idempotency_keys WHERE token_id = :token_id AND key = :key AND status IS NULL"
FORGET = f"DELETE FROM idempotency_keys WHERE created_at < now() - interval '{KEPT_DAYS} days'"


class PostgresAnswers:
    """Implements ``shared.src.frame.idempotency.AnswerBook``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, call: KeyedCall) -> KeptAnswer | None:
        while True:
            async with self._database.autocommit() as connection:
                parameters = {"token_id": call.token_id, "key": call.key}
                claim = parameters | {"route": call.route, "body_sha256": call.body_sha256}
                if (await connection.execute(text(CLAIM), claim)).one_or_none() is not None:
                    return None
                row = (await connection.execute(text(READ), parameters)).one_or_none()
            if row is not None and (row.route, row.body_sha256) != (call.route, call.body_sha256):
                raise of_another_call(call, row.route)
            if row is not None and row.status is not None:
                return KeptAnswer(row.status, row.answer)
            await asyncio.sleep(POLL_S)

    async def finish(self, call: KeyedCall, answer: KeptAnswer | None) -> None:
        parameters = {"token_id": call.token_id, "key": call.key}
        async with self._database.autocommit() as connection:
            if answer is not None and answer.is_final:
                await connection.execute(text(KEEP), parameters | {"status": answer.status, "answer": answer.body})
            else:
                await connection.execute(text(GIVE_UP), parameters)

    async def forget_old(self) -> None:
        """Remove answers older than 30 days."""
        async with self._database.autocommit() as connection:
            await connection.execute(text(FORGET))
