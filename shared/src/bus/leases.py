"""Who of several replicas consumes which partition: one lease for each stream, held by a living member of a group.

A member proves that it lives with a heartbeat; one whose connection to Redis is gone (kill -9) is dropped at the next
heartbeat of another member, one that is silent (paused, cut off) after ``MEMBER_TTL_MS``. While no member beats,
as on a machine that stands still, time hardly counts. Streams are divided evenly; who owns too many gives some up
between two batches, who owns too few takes what is free. A lease is a token: committing a position and publishing under
a lease succeed only while Redis still has that token, checked by the script that does it, so that a process that wakes
up after its lease went to another one changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import ResponseError

from shared.src.domain.errors import LeaseLostError

logger = logging.getLogger(__name__)

MEMBER_TTL_MS = 5_000
BEAT_S = 1.0
BEAT_MS = round(BEAT_S * 1000)
START = b"0-0"

# KEYS members, leases; ARGV member, ttl, client id, beat. Returns [is new, members in order of seniority, leases].
BEAT = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local mine = redis.call('HGET', KEYS[1], ARGV[1])
local before = redis.call('HGETALL', KEYS[1])
local newest = 0
for i = 2, #before, 2 do
  newest = math.max(newest, tonumber(string.match(before[i], ':(%d+):')) - tonumber(ARGV[2]))
end
if mine and now - newest > 2 * tonumber(ARGV[4]) then
  -- everybody was silent: one beat of it counts
  local stood = now - newest - tonumber(ARGV[4])
  for i = 1, #before, 2 do
    local since, ends, client = string.match(before[i + 1], '^(%d+):(%d+):(%d+)$')
    ends = string.format('%.0f', tonumber(ends) + stood)
    redis.call('HSET', KEYS[1], before[i], since .. ':' .. ends .. ':' .. client)
  end
end
local joined = mine and string.match(mine, '^(%d+)') or string.format('%.0f', now)
redis.call('HSET', KEYS[1], ARGV[1], joined .. ':' .. string.format('%.0f', now + tonumber(ARGV[2])) .. ':' .. ARGV[3])
local members = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local since, ends, client = string.match(all[i + 1], '^(%d+):(%d+):(%d+)$')
  if tonumber(ends) < now then
    redis.call('HDEL', KEYS[1], all[i])
  else
    table.insert(members, {since .. all[i], all[i], client})
  end
end
table.sort(members, function(a, b) return a[1] < b[1] end)
local leases = redis.call('HGETALL', KEYS[2])
local held = {}
for i = 1, #leases, 2 do
  local holder = string.match(leases[i + 1], '^([^/]+)/')
  if redis.call('HEXISTS', KEYS[1], holder) == 1 then
    table.insert(held, leases[i])
    table.insert(held, leases[i + 1])
  else
    redis.call('HDEL', KEYS[2], leases[i])
  end
end
local order = {}
for _, member in ipairs(members) do
  table.insert(order, member[2])
  table.insert(order, member[3])
end
return {mine and 0 or 1, order, held}
"""

# KEYS leases, stream; ARGV token, group. Returns the committed position, or nothing when another one has it.
TAKE = """
if redis.call('HEXISTS', KEYS[1], KEYS[2]) == 1 then return false end
redis.call('HSET', KEYS[1], KEYS[2], ARGV[1])
redis.pcall('XGROUP', 'CREATE', KEYS[2], ARGV[2], '0', 'MKSTREAM')
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[2])) do
  local found = {}
  for i = 1, #group, 2 do found[group[i]] = group[i + 1] end
  if found['name'] == ARGV[2] then return found['last-delivered-id'] end
end
return '0-0'
"""

# KEYS members, leases; ARGV member, client id: out of the group, unless it came back with another connection
EVICT = """
local client = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', ':(%d+)$')
if client == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
"""

# KEYS leases; ARGV stream, token, ... Gives up what is still held.
RELEASE = """
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
"""

# KEYS leases; ARGV group, then stream, token, position, ... Returns the streams that another one has.
COMMIT = """
local lost = {}
for i = 2, #ARGV, 3 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('XGROUP', 'SETID', ARGV[i], ARGV[1], ARGV[i + 2])
  else
    table.insert(lost, ARGV[i])
  end
end
return lost
"""

# KEYS leases; ARGV how many leases, then stream, token, ...; then stream, maxlen, key, data, ...
# Returns the streams whose lease is lost; then nothing was published.
PUBLISH = """
local last = 1 + 2 * tonumber(ARGV[1])
local lost = {}
for i = 2, last, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) ~= ARGV[i + 1] then table.insert(lost, ARGV[i]) end
end
if #lost > 0 then return lost end
for i = last + 1, #ARGV, 4 do
  redis.call('XADD', ARGV[i], 'MAXLEN', '~', ARGV[i + 1], '*', 'k', ARGV[i + 2], 'd', ARGV[i + 3])
end
return lost
"""


@dataclass(slots=True)
class Lease:
    """The right to consume one stream. ``position`` is the last committed entry."""

    stream: str
    token: str
    position: bytes
    held: bool = True


@dataclass(frozen=True, slots=True)
class Fence:
    """What must still hold for an effect to happen."""

    leases_key: str
    leases: tuple[Lease, ...]

    def arguments(self) -> list[str]:
        return [part for lease in self.leases for part in (lease.stream, lease.token)]


def member_name() -> str:
    """A name that no other process has had."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def shares(count: int, members: int) -> list[int]:
    """How many of ``count`` streams each of ``members`` owns, the senior members first."""
    return [count // members + (rank < count % members) for rank in range(members)]


class GroupMember:
    """This process as a member of one consumer group; knows its leases."""

    def __init__(self, redis: Redis, group: str, name: str) -> None:
        self.group = group
        self.name = name
        self.leases: dict[str, Lease] = {}
        self.surplus: set[str] = set()
        self.members: tuple[str, ...] = ()
        self.leases_key = f"roottrading:bus:{group}:leases"
        self.wake_key = f"roottrading:bus:{group}:wake"
        self._members_key = f"roottrading:bus:{group}:members"
        self._redis = redis
        self._topics: list[tuple[str, ...]] = []
        self._taken = 0
        self._connection = b""
        self._beating = asyncio.Lock()
        # A connection of its own: whether it is there tells the others whether this process lives.
        pool = redis.connection_pool
        self._pulse = Redis(
            connection_pool=ConnectionPool(
                connection_class=pool.connection_class, max_connections=1, **pool.connection_kwargs
            )
        )
        self._beat = self._pulse.register_script(BEAT)
        self._take = redis.register_script(TAKE)
        self._evict = redis.register_script(EVICT)
        self._release = redis.register_script(RELEASE)
        self._commit = redis.register_script(COMMIT)

    def want(self, streams: tuple[str, ...]) -> None:
        """Take part in consuming a topic, given by its streams."""
        self._topics.append(streams)

    async def beat(self) -> None:
        """Say that this member lives; lose, take, and mark leases to give up."""
        async with self._beating:
            connection = str(await self._pulse.client_id()).encode()
            # who has just reconnected does not judge: the others may be about to
            reconnected = self._connection not in (b"", connection)
            self._connection = connection
            new, members, held = await self._register(connection)
            if not reconnected and await self._evict_dead(members):
                new, members, held = await self._register(connection)
            changed = self._drop_lost(held) or bool(new)
            changed |= await self._release_unknown(held)
            self.members = tuple(name.decode() for name in members)
            self.surplus = set()
            for streams in self._topics:
                changed |= await self._divide(streams, held)
            if changed:
                await self.wake()

    async def _register(self, connection: bytes) -> tuple[int, dict[bytes, bytes], dict[str, bytes]]:
        answer: Any = await self._beat(
            keys=[self._members_key, self.leases_key], args=[self.name, MEMBER_TTL_MS, connection, BEAT_MS]
        )
        new, members, held = answer
        leases = {stream.decode(): token for stream, token in zip(held[::2], held[1::2], strict=True)}
        return new, dict(zip(members[::2], members[1::2], strict=True)), leases

    async def _evict_dead(self, members: Mapping[bytes, bytes]) -> bool:
        """Drop members whose connection the server no longer has: their process ended without a goodbye."""
        others = {name: client for name, client in members.items() if name.decode() != self.name}
        if not others:
            return False
        try:
            alive = {
                int(client["id"])
                for client in await self._pulse.client_list(client_id=[int(c) for c in others.values()])
            }
        except ResponseError:
            return False  # a server that does not tell (ACL): the heartbeat decides
        dead = [(name, client) for name, client in others.items() if int(client) not in alive]
        for name, client in dead:
            logger.warning("replica is gone", extra={"group": self.group, "member": name.decode()})
            await self._evict(keys=[self._members_key], args=[name, client])
        return bool(dead)

    def _drop_lost(self, held: Mapping[str, bytes]) -> bool:
        lost = [name for name, lease in self.leases.items() if held.get(name) != lease.token.encode()]
        for name in lost:
            self.leases.pop(name).held = False
        if lost:
            logger.warning("leases lost", extra={"group": self.group, "streams": lost})
        return bool(lost)

    async def _release_unknown(self, held: dict[str, bytes]) -> bool:
        """Free what Redis holds for this member without its knowledge.

        The answer that gave a lease was lost on the way, or the request to release it: nobody would ever consume it.
        """
        own = f"{self.name}/".encode()
        unknown = [name for name, token in held.items() if token.startswith(own) and name not in self.leases]
        for name in unknown:
            await self._release(keys=[self.leases_key], args=[name, held.pop(name)])
        return bool(unknown)

    async def _divide(self, streams: tuple[str, ...], held: Mapping[str, bytes]) -> bool:
        quota = shares(len(streams), len(self.members))[self.members.index(self.name)]
        mine = [name for name in streams if name in self.leases]
        self.surplus.update(mine[quota:])
        changed = len(mine) > quota
        for name in [name for name in streams if name not in held][: max(0, quota - len(mine))]:
            self._taken += 1
            token = f"{self.name}/{self._taken}"
            position: Any = await self._take(keys=[self.leases_key, name], args=[token, self.group])
            if position is not None:
                self.leases[name] = Lease(name, token, position)
                changed = True
        return changed

    async def commit(self, positions: Mapping[str, bytes]) -> None:
        """Store how far the streams were consumed.

        Raises:
            LeaseLostError: another member has one of them; the others were committed.
        """
        # these very leases: a heartbeat may drop or replace one before the answer is here
        leases = {name: self.leases[name] for name in positions if name in self.leases}
        lost = [name for name in positions if name not in leases]
        if leases:
            arguments = [part for name, lease in leases.items() for part in (name, lease.token, positions[name])]
            answer: Any = await self._commit(keys=[self.leases_key], args=[self.group, *arguments])
            lost += [name.decode() for name in answer]
        for name, lease in leases.items():
            if name not in lost:
                lease.position = positions[name]
        if lost:
            raise LeaseLostError(f"{self.group}: {', '.join(lost)}")

    async def give_up(self, streams: Iterable[str]) -> None:
        """Release leases, for others to take."""
        released = [self.leases.pop(name) for name in list(streams) if name in self.leases]
        for lease in released:
            lease.held = False
        if released:
            arguments = [part for lease in released for part in (lease.stream, lease.token)]
            await self._release(keys=[self.leases_key], args=arguments)
            await self.wake()

    async def wake(self) -> None:
        """Tell every member to look who owns what."""
        await self._redis.xadd(self.wake_key, {b"m": self.name.encode()}, maxlen=16, approximate=False)

    async def leave(self) -> None:
        """Out of the group, in an orderly way."""
        async with self._beating:
            await self.give_up(self.leases)
            await self._redis.hdel(self._members_key, self.name)
            await self.wake()
        with contextlib.suppress(OSError):
            await self._pulse.aclose()
            await self._pulse.connection_pool.disconnect()
