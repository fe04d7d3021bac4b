"""What a store of newest values does, written once: run on the one in memory and on a real Redis."""

from __future__ import annotations

import asyncio

from shared.src.bus.ports import LastValue, LastValues


class LastValuesBehaviour:
    async def test_a_value_is_known_until_the_next_one(self, values: LastValues) -> None:
        await values.put([LastValue("last:A", b"1"), LastValue("last:B", b"2")])
        await values.put([LastValue("last:A", b"3")])
        assert await values.get(["last:B", "last:A", "last:C"]) == [b"2", b"3", None]

    async def test_nothing_asked_is_nothing_answered(self, values: LastValues) -> None:
        await values.put([])
        assert await values.get([]) == []
        assert await values.matching("last:*") == {}

    async def test_values_are_found_by_a_pattern_in_the_order_of_their_names(self, values: LastValues) -> None:
        await values.put([LastValue(name, name.encode()) for name in ("last:B", "lasting", "last:A")])
        found = await values.matching("last:*")
        assert list(found.items()) == [("last:A", b"last:A"), ("last:B", b"last:B")]

    async def test_what_nobody_renews_is_forgotten(self, values: LastValues) -> None:
        await values.put([LastValue("short", b"1", keep_s=1), LastValue("long", b"2", keep_s=60)])
        assert await values.get(["short", "long"]) == [b"1", b"2"]
        await asyncio.sleep(1.1)
        assert await values.get(["short", "long"]) == [None, b"2"]
        assert list(await values.matching("*")) == ["long"]

    async def test_what_is_renewed_without_a_limit_stays(self, values: LastValues) -> None:
        await values.put([LastValue("a", b"1", keep_s=1)])
        await values.put([LastValue("a", b"2")])
        await asyncio.sleep(1.1)
        assert await values.get(["a"]) == [b"2"]
