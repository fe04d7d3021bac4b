"""Somebody who trades beside the platform: on the same account by its own key, and by the platform's APIs.

Calls run in threads of their own, as an operator waits for nobody. What he did is told to the auditor by the prefix of
his orders, by what he canceled and by what he moved (``Hands``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import ROUND_DOWN, Decimal
from functools import partial
from itertools import count
from random import Random
from typing import Any

import httpx

from tests.chaos.platform import Platform
from tests.outside.platform import Operator as Account
from tests.simulation.audit.positions import traded_by_others
from tests.simulation.facts import ExchangeOrder

QUOTE = "USDC"
LARGE = Decimal(120)  # quote units of a purchase by hand
SELL_AFTER_S = 6.0
PAUSED_S = 8.0
UNPROCESSABLE = 422
Task = Callable[[], None]


class OperatorScript:
    """One seeded operator; ``act`` does the next thing. ``broken``: answers that nobody should ever get."""

    def __init__(self, platform: Platform, symbols: tuple[str, ...], seed: int) -> None:
        self._platform, self._symbols = platform, symbols
        self._random = Random(seed)
        self._account = Account(platform.twin, httpx.Client(timeout=30, trust_env=False))
        self._numbers = count(1)
        self._threads = ThreadPoolExecutor(6, thread_name_prefix="operator")
        self._asked: list[Future[None]] = []
        self._later: list[tuple[float, Task]] = []
        self.actions: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.broken: list[str] = []

    def close(self) -> None:
        self._threads.shutdown(wait=True)
        self._account.http.close()

    # One thing after the other

    def act(self) -> None:
        """The next thing, whatever it is."""
        names = list(self._ways())
        weights = [weight for _, weight in self._ways().values()]
        name = self._random.choices(names, weights)[0]
        self._ways()[name][0]()

    def _ways(self) -> dict[str, tuple[Task, int]]:
        return {
            "buy by hand": (self._buy_by_hand, 5),
            "sell by hand": (self._sell_by_hand, 5),
            "rest by hand": (self._rest_by_hand, 3),
            "cancel own order by hand": (self._cancel_own, 3),
            "take protection off and sell": (self._take_off, 2),
            "deposit": (self._deposit, 2),
            "withdraw": (self._withdraw, 2),
            "buy by API": (self._buy_by_api, 5),
            "rest by API": (self._rest_by_api, 4),
            "cancel by API": (self._cancel_by_api, 4),
            "close by API": (self._close_by_api, 5),
            "move levels by API": (self._move_by_api, 3),
            "pause and resume": (self._pause, 2),
            "nonsense by API": (self._nonsense, 2),
        }

    def look(self) -> None:
        """Do what is due by now; raise what went wrong in a thread."""
        now_s = self._platform.now_s
        due = [task for at_s, task in self._later if at_s <= now_s]
        self._later = [(at_s, task) for at_s, task in self._later if at_s > now_s]
        for task in due:
            task()
        for future in [each for each in self._asked if each.done()]:
            self._asked.remove(future)
            future.result()

    def finish(self) -> None:
        """Nothing more is begun; what was put off is done now."""
        tasks, self._later = [task for _, task in self._later], []
        for task in tasks:
            task()
        for future in self._asked:
            future.result(120)
        self._asked.clear()

    # By the account's own key

    def _buy_by_hand(self) -> None:
        amount = self._random.randint(15, int(LARGE))
        self._hand("buy by hand", symbol=self._symbol(), side="BUY", type="MARKET", quoteOrderQty=str(amount))

    def _sell_by_hand(self) -> None:
        symbol = self._symbol()
        quantity = self._floored(symbol, self._own(symbol) * Decimal(self._random.choice(("0.3", "0.6", "0.9"))))
        if self._is_sellable(symbol, quantity):
            self._hand("sell by hand", symbol=symbol, side="SELL", type="MARKET", quantity=format(quantity, "f"))

    def _rest_by_hand(self) -> None:
        symbol = self._symbol()
        price = self._tick(symbol, self._last(symbol) * Decimal("0.97"))
        quantity = self._floored(symbol, Decimal(40) / price)
        self._hand(
            "rest by hand",
            symbol=symbol,
            side="BUY",
            type="LIMIT",
            timeInForce="GTC",
            quantity=format(quantity, "f"),
            price=format(price, "f"),
        )

    def _cancel_own(self) -> None:
        own = [order for order in self._open_orders() if order.by_hand]
        if own:
            order = self._random.choice(own)
            self._call(
                "cancel own order by hand", "DELETE", "/api/v3/order", symbol=order.symbol, orderId=order.order_id
            )

    def _take_off(self) -> None:
        """Cancel everything of the platform in a symbol, and sell what was protected a little later."""
        stops = [order for order in self._open_orders() if order.is_stop and not order.by_hand]
        if not stops:
            return
        stop = self._random.choice(stops)
        mine = [order for order in self._open_orders() if order.symbol == stop.symbol and not order.by_hand]
        quantity = sum((order.remaining for order in mine if order.is_stop), Decimal(0))
        self._platform.hands.canceled.update(order.order_id for order in mine)
        self._call("take protection off", "DELETE", "/api/v3/openOrders", symbol=stop.symbol)
        self._after(SELL_AFTER_S, partial(self._sell_all, stop.symbol, quantity))

    def _sell_all(self, symbol: str, quantity: Decimal) -> None:
        quantity = self._floored(symbol, quantity)
        if self._is_sellable(symbol, quantity):
            self._hand(
                "sell what was protected", symbol=symbol, side="SELL", type="MARKET", quantity=format(quantity, "f")
            )

    def _deposit(self) -> None:
        self._flow("deposit", QUOTE, Decimal(self._random.randint(50, 500)))

    def _withdraw(self) -> None:
        self._flow("withdraw", QUOTE, -Decimal(self._random.randint(50, 400)))

    def _flow(self, what: str, asset: str, delta: Decimal) -> None:
        self._platform.twin.do("POST", "/balances", {"account": "owner", "asset": asset, "delta": str(delta)})
        flows = self._platform.hands.flows
        flows[asset] = flows.get(asset, Decimal(0)) + delta
        self.actions[what] += 1

    # By the platform's APIs

    def _buy_by_api(self) -> None:
        body = {"symbol": self._symbol(), "side": "BUY", "quote_quantity": str(self._random.randint(20, 150))}
        body |= {"managed_by": self._random.choice(("owner", "strategies"))}
        self._ask("buy by API", "POST", "/order", body)

    def _rest_by_api(self) -> None:
        symbol = self._symbol()
        price = self._tick(symbol, self._last(symbol) * Decimal(self._random.choice(("0.9995", "0.995", "0.98"))))
        quantity = self._floored(symbol, Decimal(60) / price)
        body = {
            "symbol": symbol,
            "side": "BUY",
            "type": "LIMIT",
            "quantity": format(quantity, "f"),
            "price": format(price, "f"),
        }
        self._ask("rest by API", "POST", "/order", body)

    def _cancel_by_api(self) -> None:
        entries = [order for order in self._open_orders() if order.side == "BUY" and not order.by_hand]
        if entries:
            order = self._random.choice(entries)
            self._ask("cancel by API", "DELETE", f"/order/{order.client_id}")

    def _close_by_api(self) -> None:
        cycles = [cycle for cycle in self._platform.last[1].cycles if cycle.is_open]
        if cycles:
            self._ask("close by API", "POST", f"/close/{self._random.choice(cycles).cycle_id}")

    def _move_by_api(self) -> None:
        cycles = [cycle for cycle in self._platform.last[1].cycles if cycle.is_open]
        if cycles:
            cycle = self._random.choice(cycles)
            price = self._tick(cycle.symbol, self._last(cycle.symbol) * Decimal("0.995"))
            self._ask("move levels by API", "PATCH", f"/cycles/{cycle.cycle_id}", {"stop_price": str(price)})

    def _pause(self) -> None:
        body = {"symbol": self._symbol()} if self._random.random() < 0.6 else {}
        self._ask("pause", "POST", "/config/pause", body)
        self._after(PAUSED_S, partial(self._ask, "resume", "POST", "/config/resume", body))

    def resume(self, scope: str) -> None:
        """Lift what stops entries in a scope."""
        self._ask("resume", "POST", "/config/resume", {} if scope == "all" else {"symbol": scope})

    def _nonsense(self) -> None:
        bodies: tuple[Any, ...] = (
            {"symbol": "NOPEUSDC", "side": "BUY", "quantity": "1"},
            {"symbol": self._symbol(), "side": "BUY", "quantity": "-1"},
            {"symbol": self._symbol(), "side": "HOLD", "quantity": "1"},
            {"symbol": self._symbol(), "side": "BUY", "quantity": "1e400"},
            [],
        )
        self._ask("nonsense", "POST", "/order", self._random.choice(bodies))

    # How it is asked

    def _hand(self, what: str, **params: Any) -> None:
        name = f"{self._platform.hands.prefix}{self._platform.exchange.began_ms}-{next(self._numbers)}"
        self._call(what, "POST", "/api/v3/order", newClientOrderId=name, **params)

    def _call(self, what: str, method: str, path: str, **params: Any) -> None:
        def call() -> None:
            self.actions[what] += 1
            try:
                answer = self._account.ask(method, path, **params)
            except httpx.TransportError:
                self.refused[f"{what}: no answer"] += 1
                return
            if answer.status_code != 200:
                self.refused[f"{what}: {answer.text[:80]}"] += 1

        self._asked.append(self._threads.submit(call))

    def _ask(self, what: str, method: str, path: str, body: Any = None) -> None:
        key = f"operator-{self._platform.exchange.began_ms}-{next(self._numbers)}"

        def call() -> None:
            self.actions[what] += 1
            try:
                answer = self._platform.ask("trader", method, path, body, key=key)
            except httpx.TransportError:
                self.refused[f"{what}: no answer"] += 1
                return
            if answer.status_code >= 300:
                self.refused[f"{what}: {answer.status_code}"] += 1
            if answer.status_code == 500 or (what == "nonsense" and answer.status_code not in range(400, 500)):
                self.broken.append(f"{method} {path} {body}: {answer.status_code} {answer.text[:200]}")

        self._asked.append(self._threads.submit(call))

    def _after(self, seconds: float, task: Task) -> None:
        self._later.append((self._platform.now_s + seconds, task))

    # What he sees

    def _symbol(self) -> str:
        return self._random.choice(self._symbols)

    def _open_orders(self) -> list[ExchangeOrder]:
        return [order for order in self._platform.last[0].orders if order.is_open]

    def _last(self, symbol: str) -> Decimal:
        return self._platform.last[0].listings[symbol].last

    def _own(self, symbol: str) -> Decimal:
        """Coins that he bought himself and still has."""
        exchange, books = self._platform.last
        return max(Decimal(0), traded_by_others(exchange, books.orders).get(symbol, Decimal(0)))

    def _floored(self, symbol: str, quantity: Decimal) -> Decimal:
        floored = self._platform.last[0].listings[symbol].in_lots(quantity)
        return Decimal(format(floored.normalize(), "f"))

    def _is_sellable(self, symbol: str, quantity: Decimal) -> bool:
        return quantity > 0 and self._platform.last[0].listings[symbol].sells(quantity)

    def _tick(self, symbol: str, price: Decimal) -> Decimal:
        """A price of the symbol's grid: as fine as its last one."""
        return price.quantize(self._platform.exchange.tick(symbol), ROUND_DOWN)
