"""The state of an exchange, written down and read back: nothing is different afterwards, in whatever state it was."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.engine.exchange import Engine
from simulator.engine.records import Batch, RecordError, changes, everything
from simulator.engine.restore import restore
from tests.unit.simulator.engine.histories import SYMBOL, History, World
from tests.unit.simulator.engine.test_conservation import WORLDS


def written(batch: Batch) -> dict[tuple[str, str], Any]:
    """What a file or a table would hold."""
    return {key: orjson.loads(orjson.dumps(record.document)) for key, record in batch.records.items()}


def read(rows: dict[tuple[str, str], Any]) -> Engine:
    return restore((kind, document) for (kind, _), document in rows.items())


@pytest.mark.parametrize("name", WORLDS)
def test_an_exchange_that_was_read_back_goes_on_exactly_like_the_one_that_was_not(name: str) -> None:
    @settings(max_examples=100, suppress_health_check=list(HealthCheck), database=None)
    @given(before=st.binary(min_size=50, max_size=200), after=st.binary(min_size=50, max_size=150))
    def check(before: bytes, after: bytes) -> None:
        stayed = History(WORLDS[name], before)
        stayed.run()
        left = History(WORLDS[name], before)
        left.run()
        left.enter(read(written(everything(left.exchange))))

        for history in (stayed, left):
            history.data += after
            history.told.clear()
            history.run()

        assert left.told == stayed.told
        assert written(everything(left.exchange)) == written(everything(stayed.exchange))

    check()


@pytest.mark.parametrize("name", WORLDS)
def test_changes_written_one_after_another_are_the_whole_state(name: str) -> None:
    @settings(max_examples=60, suppress_health_check=list(HealthCheck), database=None)
    @given(data=st.binary(min_size=100, max_size=300), kept=st.sampled_from([1, 3, 1_000]))
    def check(data: bytes, kept: int) -> None:
        history = History(WORLDS[name], data, kept=kept)
        rows = written(everything(history.exchange))
        history.exchange.keep_track()

        def write_down() -> None:
            batch = changes(history.exchange)
            for key in batch.removed:
                rows.pop(key, None)
            rows.update(written(batch))

        history.after_command = write_down
        history.run()
        write_down()

        # A file keeps history that memory has forgotten; what memory has must be in the file.
        whole = written(everything(history.exchange))
        assert {key: rows.get(key) for key in whole if key[0] != "tape"} == {
            key: document for key, document in whole.items() if key[0] != "tape"
        }
        open_orders = {key for key, row in rows.items() if key[0] == "order"}
        assert open_orders == {key for key in whole if key[0] == "order"}

    check()


def test_nothing_is_written_when_nothing_happened() -> None:
    history = History(World(), bytes(range(200)))
    history.run()
    history.exchange.keep_track()

    assert changes(history.exchange).records == {}


def test_another_format_and_damaged_records_are_refused() -> None:
    history = History(World(), bytes(range(200)))
    history.run()
    rows = written(everything(history.exchange))

    with pytest.raises(RecordError, match="format 99"):
        read({**rows, ("exchange", ""): {**rows["exchange", ""], "format": 99}})
    with pytest.raises(RecordError, match="format None"):
        read({key: row for key, row in rows.items() if key[0] != "exchange"} | {("exchange", ""): {"format": None}})
    with pytest.raises(RecordError, match="damaged"):
        read({**rows, ("market", SYMBOL): {**rows["market", SYMBOL], "bids": [["10", [424242]]]}})


def test_what_is_locked_from_outside_is_read_back() -> None:
    exchange = Engine()
    owner = exchange.add_account("alice", {"BTC": Decimal(2)}, Decimal(0), Decimal(0))
    exchange.lock_externally(owner, "BTC", Decimal("0.75"), 1)
    again = read(written(everything(exchange)))
    alice = again.account("alice")
    assert (alice.balance("BTC").free, alice.balance("BTC").locked) == (Decimal("1.25"), Decimal("0.75"))
    assert again.audit()["ok"]
    again.lock_externally(alice, "BTC", Decimal("-0.75"), 2)
    assert alice.balance("BTC").free == 2
    with pytest.raises(ValueError, match="locked from outside"):
        again.lock_externally(alice, "BTC", Decimal("-0.1"), 3)
