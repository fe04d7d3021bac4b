"""A local order book is the exchange's, or says that it is not known."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.src.order_book import DepthEvent, Level, OrderBook, Snapshot
from simulator.engine.events import BookEvent
from simulator.engine.exchange import Engine
from simulator.engine.rules import MarketRules

SYMBOL = "AAABBB"
TICK = Decimal("0.5")
FATES = ("deliver",) * 6 + ("drop", "duplicate", "swap", "snapshot")


@dataclass
class TwinBook:
    """The twin's engine as the exchange: random books of outside offers, and what its depth stream says of them."""

    seed: int
    now_ms: int = 1_000
    exchange: Engine = field(default_factory=Engine)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.exchange.add_symbol(MarketRules.create(SYMBOL, "AAA", "BBB", []), Decimal(100))
        self.change()

    def change(self) -> list[DepthEvent]:
        """Move the market one step; the depth events that tell of it."""
        middle = self.random.randint(190, 210)
        bids, asks = (
            [(TICK * (middle + sign * (1 + 2 * place)), Decimal(self.random.randint(1, 9))) for place in range(4)]
            for sign in (-1, 1)
        )
        self.now_ms += 100
        self.exchange.set_liquidity(SYMBOL, bids, asks, self.now_ms)
        return [
            DepthEvent(event.first_update_id, event.final_update_id, event.bids, event.asks)
            for event in self.exchange.drain()
            if isinstance(event, BookEvent)
        ]

    def snapshot(self) -> Snapshot:
        update_id, bids, asks = self.exchange.depth(SYMBOL, 5_000)
        return Snapshot(update_id, tuple(bids), tuple(asks), complete=True)

    def truth(self) -> tuple[int, list[Level], list[Level]]:
        update_id, bids, asks = self.exchange.depth(SYMBOL, 5_000)
        return update_id, list(bids), list(asks)


@given(seed=st.integers(0, 10_000), fates=st.lists(st.sampled_from(FATES), min_size=5, max_size=80))
@settings(max_examples=150)
def test_whatever_is_lost_doubled_or_reordered_a_shown_book_is_one_the_exchange_had(
    seed: int, fates: list[str]
) -> None:
    twin, book, held = TwinBook(seed), OrderBook(SYMBOL), []
    past = {twin.truth()[0]: twin.truth()[1:]}
    for fate in fates:
        events = twin.change()
        update_id, bids, asks = twin.truth()
        past[update_id] = (bids, asks)
        match fate:
            case "drop":
                continue
            case "swap":
                held += events
                continue
            case "snapshot" if book.wants_snapshot:
                book.on_snapshot(twin.snapshot())
        for event in [*events, *held, *(events if fate == "duplicate" else ())]:
            book.on_event(event)
        held = []
        if book.update_id is not None:
            assert book.levels() == past[book.update_id]
    # once nothing is lost any more, the book finds back by itself
    for _ in range(3):
        for event in twin.change():
            book.on_event(event)
        if book.wants_snapshot:
            assert book.on_snapshot(twin.snapshot())
    assert book.ready
    assert (book.update_id, *book.levels()) == twin.truth()


def event(first: int, final: int, *, bid: str = "99", quantity: str = "1") -> DepthEvent:
    return DepthEvent(first, final, ((Decimal(bid), Decimal(quantity)),), ())


def snapshot(last_id: int, *, complete: bool = True) -> Snapshot:
    bids = tuple((Decimal(100) - Decimal(step) / 10, Decimal(1)) for step in range(1, 7))
    asks = tuple((Decimal(100) + Decimal(step) / 10, Decimal(2)) for step in range(1, 7))
    return Snapshot(last_id, bids, asks, complete)


def ready_book(*, complete: bool = True) -> OrderBook:
    book = OrderBook(SYMBOL)
    book.on_event(event(9, 11))
    assert book.on_snapshot(snapshot(10, complete=complete))
    return book


def test_nothing_is_shown_before_events_and_snapshot_connect() -> None:
    book = OrderBook(SYMBOL)
    assert not book.wants_snapshot
    assert "first depth event" in book.reason
    book.on_event(event(20, 21))
    assert book.wants_snapshot
    assert not book.on_snapshot(snapshot(10))
    assert (book.ready, book.depth()) == (False, None)
    assert book.on_snapshot(snapshot(20))


def test_events_that_the_snapshot_knows_are_dropped() -> None:
    book = OrderBook(SYMBOL)
    for first in (5, 7, 9, 11):
        book.on_event(event(first, first + 1, bid=str(first)))
    assert book.on_snapshot(snapshot(9))
    assert book.update_id == 12
    assert [price for price, _ in book.levels()[0]][-2:] == [Decimal(11), Decimal(9)]


def test_a_missing_update_is_named_and_ends_what_is_shown() -> None:
    book = ready_book()
    book.on_event(event(13, 14))
    assert (book.ready, book.rebuilds) == (False, 1)
    assert book.reason == "update ids 12 to 12 are missing"
    assert book.wants_snapshot


def test_an_event_that_comes_twice_changes_nothing() -> None:
    book = ready_book()
    book.on_event(event(12, 12, quantity="5"))
    before = book.levels()
    book.on_event(event(9, 11, quantity="7"))
    assert book.levels() == before


def test_a_book_that_crosses_itself_is_not_shown() -> None:
    book = ready_book()
    book.on_event(event(12, 12, bid="100.2"))
    assert not book.ready
    assert "crossed" in book.reason


def test_spread_depth_and_imbalance_are_those_of_the_levels() -> None:
    depth = ready_book().depth()
    assert depth is not None
    assert depth.spread_bps == Decimal(20)  # 99.9 / 100.1
    assert depth.bid_depth[Decimal("0.1")] == Decimal("99.9")
    assert depth.ask_depth[Decimal("0.5")] == 2 * sum(Decimal(100) + Decimal(step) / 10 for step in range(1, 6))
    assert depth.imbalance == (Decimal("498.5") - 1003) / (Decimal("498.5") + 1003)


def test_depth_beyond_what_the_snapshot_knew_is_not_known() -> None:
    depth = ready_book(complete=False).depth()
    assert depth is not None
    assert depth.ask_depth[Decimal(1)] is None
    assert depth.ask_depth[Decimal("0.5")] is not None
