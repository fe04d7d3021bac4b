"""What is in a topic, over all its partitions."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel
from redis.asyncio import Redis

from shared.src.contracts.topics import PARTITIONS, PARTITIONS_KEY, Topic

M = TypeVar("M", bound=BaseModel)


async def partitions_of(redis: Redis) -> int:
    return int(await redis.get(PARTITIONS_KEY) or PARTITIONS)


async def messages_of(redis: Redis, topic: Topic[M]) -> list[M]:
    """Every message that the topic still holds; those of one key in order."""
    found = []
    for stream in topic.streams(await partitions_of(redis)):
        entries: Any = await redis.xrange(stream)
        found += [topic.decode(fields[b"d"]) for _, fields in entries]
    return found


async def length_of(redis: Redis, topic: Topic[Any]) -> int:
    """How many messages the topic holds."""
    return sum([await redis.xlen(stream) for stream in topic.streams(await partitions_of(redis))])


async def backlog_of(redis: Redis, topic: Topic[Any], group: str) -> int:
    """How many messages the group has not committed."""
    backlog = 0
    for stream in topic.streams(await partitions_of(redis)):
        if await redis.exists(stream):
            groups: Any = await redis.xinfo_groups(stream)
            positions = [one["last-delivered-id"] for one in groups if one["name"] == group.encode()]
            waiting: Any = await redis.xrange(stream, min=b"(" + positions[0] if positions else "-")
            backlog += len(waiting)
    return backlog
