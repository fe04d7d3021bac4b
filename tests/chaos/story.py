"""What is played in every run: an entry that is filled in part, a target that is met in part, an exit by a signal, an
order by the API that is canceled, and one that is bought and closed.

A step waits for what the exchange and the books show, while the auditor looks on. A client whose call found a dead
service repeats it with the same key, as clients do. At the end everything is sold, booked and settled again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import Any

import httpx

from shared.src.domain.orders import Side
from tests.chaos.platform import Platform
from tests.outside.conftest import fixture_of, listed
from tests.simulation.audit.positions import Position, positions_of
from tests.simulation.facts import Books, Exchange

SIGNALS, BY_API = "AAAUSDC", "BBBUSDC"
SYMBOLS = (SIGNALS, BY_API)
FIXTURE = fixture_of(listed(SIGNALS), listed(BY_API), USDC="20000") | {"limits": {"weight_1m": 60_000}}
# How long a step may take, seconds: the trader waits for 10 s and more until the exchange cannot carry out an order any
# longer that it never heard of.
STEP_S_MAX = 60.0
LOOK_EVERY_S = 0.12
ASK_AGAIN_S = 0.5
AMOUNT = "2"
DEEP = [["99.95", "1000"]]


class StoryError(AssertionError):
    """A step did not come to be in time."""


class Story:
    """One telling of it. ``number`` makes its keys its own."""

    def __init__(self, platform: Platform, number: int) -> None:
        self._platform = platform
        self._key = f"story-{platform.exchange.began_ms}-{number}"
        self._known = {cycle.cycle_id for cycle in platform.read()[1].cycles}
        self.given_up: list[str] = []

    def play(self) -> None:
        """Raises StoryError where it does not go on."""
        self._by_signals()
        self._canceled_by_api()
        self._by_api()
        self._settle()

    # The steps

    def _by_signals(self) -> None:
        self._offer(SIGNALS, asks=[["100.00", "3"], ["110.00", "1000"]])
        self._platform.votes(SIGNALS, Side.BUY)
        if not self._bought(SIGNALS):
            return
        self._offer(SIGNALS, asks=[["110.00", "1000"]])
        before = self._position(SIGNALS).sold
        self._platform.twin.do("POST", "/trades", {"symbol": SIGNALS, "side": "BUY", "quantity": "1", "price": "106"})
        self._until(lambda: self._position(SIGNALS).sold > before, "the target is met in part")
        self._until(lambda: self._is_protected(SIGNALS), "the rest is protected again")
        self._platform.votes(SIGNALS, Side.SELL)
        self._until(lambda: self._is_over(SIGNALS), "the signal closed the position")

    def _canceled_by_api(self) -> None:
        self._offer(BY_API, asks=[["100.00", "1000"]])
        order = {"symbol": BY_API, "side": "BUY", "quantity": AMOUNT, "type": "LIMIT", "price": "95"}
        order_id = self._placed(order, "rest").json()["client_order_id"]
        answer = self._insist("DELETE", f"/order/{order_id}", None, "cancel")
        if answer.status_code not in (200, 202, 409):
            raise StoryError(f"a cancel is refused: {answer.status_code} {answer.text}")
        self._until(lambda: not self._open_entries(BY_API), "nothing rests any more")

    def _by_api(self) -> None:
        order = {"symbol": BY_API, "side": "BUY", "quantity": AMOUNT}
        self._placed(order, "buy")
        if not self._bought(BY_API):
            return
        self._insist("POST", "/close-position", {"symbol": BY_API}, "close")
        self._until(lambda: self._is_over(BY_API), "the position is closed")

    def _settle(self) -> None:
        """Everything is booked, sold, equal and told; then the last rules are judged."""
        platform = self._platform
        self._until(lambda: platform.auditor.is_settled(*platform.read()), "everything is booked and settled")
        exchange, books = platform.read()
        platform.auditor.close(exchange, books)
        left = [cycle.cycle_id for cycle in books.cycles if cycle.is_open]
        standing = [order.client_id for order in exchange.orders if order.is_open]
        if left or standing or platform.books.orphans(exchange):
            raise StoryError(f"left behind: cycles {left}, orders {standing}, {platform.books.orphans(exchange)}")
        if books.pauses:
            raise StoryError(f"entries are stopped and nobody asked for it: {sorted(books.pauses)}")
        self._bought_once(exchange, books)

    def _bought_once(self, exchange: Exchange, books: Books) -> None:
        """No entry was carried out twice: what this story asked for, and no more."""
        positions = positions_of(exchange, books.orders)
        mine = [positions[cycle.cycle_id] for cycle in books.cycles if self._is_mine(cycle.cycle_id, positions)]
        by_api = sum((position.gross for position in mine if position.symbol == BY_API), Decimal(0))
        if by_api > Decimal(AMOUNT):
            raise StoryError(f"{by_api} {BY_API} bought, {AMOUNT} ordered")
        by_signal = sum((position.gross for position in mine if position.symbol == SIGNALS), Decimal(0))
        if by_signal > 3:
            raise StoryError(f"{by_signal} {SIGNALS} bought, 3 were offered")

    # What is seen

    def _is_mine(self, cycle_id: str, positions: dict[str, Position]) -> bool:
        return cycle_id not in self._known and cycle_id in positions

    def _position(self, symbol: str) -> Position:
        """The youngest position in a symbol; an empty one while there is none."""
        exchange, books = self._platform.read()
        positions = positions_of(exchange, books.orders)
        mine = [each for name, each in positions.items() if self._is_mine(name, positions) and each.symbol == symbol]
        return mine[-1] if mine else Position("", symbol)

    def _is_protected(self, symbol: str) -> bool:
        position = self._position(symbol)
        covered = sum((stop.remaining for stop in position.stops), Decimal(0))
        return position.held > 0 and covered > position.held - Decimal("0.01")

    def _open_entries(self, symbol: str) -> bool:
        exchange, _ = self._platform.read()
        return any(order.is_open and order.side == "BUY" and order.symbol == symbol for order in exchange.orders)

    def _is_over(self, symbol: str) -> bool:
        _, books = self._platform.read()
        mine = [cycle for cycle in books.cycles if cycle.symbol == symbol and cycle.cycle_id not in self._known]
        return bool(mine) and not any(cycle.is_open for cycle in mine)

    def _bought(self, symbol: str) -> bool:
        """Wait for a protected position; False when the entry was given up with nothing bought."""
        self._until(lambda: self._is_protected(symbol) or self._is_over(symbol), f"{symbol} is bought and protected")
        if self._is_protected(symbol):
            return True
        self.given_up.append(symbol)
        return False

    # How it is done

    def _offer(self, symbol: str, *, asks: list[list[str]]) -> None:
        self._platform.twin.do("POST", "/liquidity", {"symbol": symbol, "bids": DEEP, "asks": asks})

    def _placed(self, order: dict[str, str], what: str) -> httpx.Response:
        """Ask for an order until it is taken: while a fill is not booked the books differ, and funds are refused."""
        end = time.monotonic() + STEP_S_MAX
        for attempt in count(1):
            answer = self._insist("POST", "/order", order, f"{what}-{attempt}")
            if answer.status_code == 201:
                return answer
            if time.monotonic() > end:
                break
            time.sleep(ASK_AGAIN_S)
        raise StoryError(f"an order is refused for {STEP_S_MAX:.0f} s: {answer.text}")

    def _insist(self, method: str, path: str, body: Any, what: str) -> httpx.Response:
        """Repeat a call with its key until a living service has answered it."""
        end = time.monotonic() + STEP_S_MAX
        while True:
            self._platform.look()
            try:
                answer = self._platform.ask("trader", method, path, body, key=f"{self._key}-{what}")
                if answer.status_code < 500 and not _is_under_way(answer):
                    return answer
                told = f"{answer.status_code} {answer.text}"
            except httpx.TransportError as error:
                told = type(error).__name__
            if time.monotonic() > end:
                raise StoryError(f"{method} {path} was not answered in {STEP_S_MAX:.0f} s: {told}")
            time.sleep(LOOK_EVERY_S)

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + STEP_S_MAX
        while True:
            self._platform.look()
            if condition():
                return
            if time.monotonic() > end:
                raise StoryError(f"within {STEP_S_MAX:.0f} s this did not come to be: {what}")
            time.sleep(LOOK_EVERY_S)


def _is_under_way(answer: httpx.Response) -> bool:
    """A call with this key is being answered: the process that began it may be dead."""
    return answer.status_code == 409 and "key" in answer.text.lower()
