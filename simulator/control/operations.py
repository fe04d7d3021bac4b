"""What tests, the demo and the operator do to a twin behind its clients' backs, and what they see of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from shared.src.domain.orders import Side
from simulator.api.auth import ApiKey
from simulator.api.streams.hub import GOING_AWAY, render
from simulator.control.ports import ControlledTwin
from simulator.fixture import AccountConfig, ExecutionRule
from simulator.market.book import Level

SHOWN_LEVELS = 10


class Operations:
    """Each is carried out at once and told to whom it concerns."""

    def __init__(self, twin: ControlledTwin) -> None:
        self._twin = twin

    def set_liquidity(self, symbol: str, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Replace what outside participants offer. Raises ValueError when the two sides cross."""
        self._twin.exchange.set_liquidity(symbol, bids, asks, self._twin.clock.now_ms())
        self._twin.flush()

    def outside_trade(
        self, symbol: str, side: str, quantity: Decimal, price: Decimal | None, *, print_rest: bool = False
    ) -> Decimal:
        """An outside participant takes; returns what traded."""
        traded = self._twin.exchange.outside_trade(
            symbol, Side(side), quantity, self._twin.clock.now_ms(), price=price, print_rest=print_rest
        )
        self._twin.flush()
        return traded

    def change_balance(self, account: str, asset: str, delta: Decimal) -> dict[str, Any]:
        """Deposit or withdraw. Raises ValueError for more than is free."""
        owner = self._twin.exchange.account(account)
        now_ms = self._twin.clock.now_ms()
        self._twin.exchange.deposit(owner, asset, delta, now_ms)
        self._twin.state.note_transfer(account, asset, delta, now_ms)
        return self._balance_view(account, asset)

    def lock_balance(self, account: str, asset: str, delta: Decimal) -> dict[str, Any]:
        """Lock or unlock from outside of the exchange. Raises ValueError for more than there is."""
        self._twin.exchange.lock_externally(
            self._twin.exchange.account(account), asset, delta, self._twin.clock.now_ms()
        )
        return self._balance_view(account, asset)

    def _balance_view(self, account: str, asset: str) -> dict[str, Any]:
        self._twin.flush()
        balance = self._twin.exchange.account(account).balance(asset)
        return {
            "account": account,
            "asset": asset,
            "free": format(balance.free, ".8f"),
            "locked": format(balance.locked, ".8f"),
        }

    def change_symbol(
        self,
        symbol: str,
        *,
        status: str | None = None,
        filters: list[dict[str, Any]] | None = None,
        rules: list[ExecutionRule] | None = None,
    ) -> dict[str, Any]:
        """Change a symbol while running. Raises ValueError for a status or filter that does not exist."""
        now = self._twin.clock.now_ms()
        if filters:
            self._twin.exchange.set_filters(symbol, filters, now)
        if status is not None:
            self._twin.exchange.set_status(symbol, status, now)
            self._twin.driver.freeze(symbol, frozen=status != "TRADING")
        if rules is not None:
            old, rule = self._twin.exchange.market(symbol).rules, rules[0].rule() if rules else None
            self._twin.exchange.set_rules(replace(old, price_range_rule=rule), now)
        self._twin.flush()
        found = self._twin.exchange.market(symbol).rules
        return {"symbol": symbol, "status": found.status, "filters": [dict(entry) for entry in found.filters]}

    def plan_delisting(self, symbol: str, at_ms: int | None) -> None:
        """Let a symbol be delisted at a market time (None: not any more); clients read of it before."""
        delistings = self._twin.state.delistings
        delistings.pop(symbol, None)
        if at_ms is not None:
            delistings[symbol] = at_ms
        self.delist_due()

    def delist_due(self) -> None:
        """End the trading of symbols whose time has come: their orders are cancelled, their status is BREAK."""
        now, exchange = self._twin.clock.now_ms(), self._twin.exchange
        for symbol in [name for name, at_ms in self._twin.state.delistings.items() if at_ms <= now]:
            del self._twin.state.delistings[symbol]
            for account in exchange.accounts.values():
                if account.open_on(symbol):
                    exchange.cancel_all(account, symbol, now)
            self.change_symbol(symbol, status="BREAK")

    def add_account(self, config: AccountConfig) -> dict[str, Any]:
        """Open an account; returns its key. Raises ValueError when the name is taken."""
        return _key_view(self._twin.open_account(config))

    def account_keys(self) -> list[dict[str, Any]]:
        """Every account's key, as the ready line shows them."""
        return [_key_view(key) for key in self._twin.keys.values()]

    def accounts_view(self) -> list[dict[str, Any]]:
        """Every account's key and balances."""
        views = []
        for key in self._twin.keys.values():
            account = self._twin.exchange.account(key.account)
            balances = {
                asset: {"free": format(balance.free, ".8f"), "locked": format(balance.locked, ".8f")}
                for asset, balance in account.balances.items()
                if balance.free or balance.locked
            }
            views.append({**_key_view(key), "balances": balances, "open_orders": len(account.open_orders)})
        return views

    def book(self, symbol: str, levels: int = SHOWN_LEVELS) -> dict[str, Any]:
        """The best levels of a symbol."""
        update_id, bids, asks = self._twin.exchange.depth(symbol, levels)
        return {
            "symbol": symbol,
            "last_update_id": update_id,
            "bids": [[format(price, "f"), format(quantity, "f")] for price, quantity in bids],
            "asks": [[format(price, "f"), format(quantity, "f")] for price, quantity in asks],
        }

    def announce_shutdown(self, close_after_s: float | None) -> int:
        """Send serverShutdown on every connection and close them after a while; returns how many there are."""
        now = self._twin.clock.now_ms()
        self._twin.hub.broadcast("!serverShutdown", lambda unit: _shutdown(now, unit))
        users = self._twin.users.everyone()
        for connection in users:
            connection.put(render({"event": _shutdown(now, connection.unit)}))
        if close_after_s is not None:
            loop = asyncio.get_running_loop()
            for connection in (*self._twin.hub.connections, *users):
                loop.call_later(close_after_s, connection.close, GOING_AWAY, "")
        return len(self._twin.hub.connections) + len(users)


def _shutdown(now_ms: int, unit: int) -> dict[str, Any]:
    return {"e": "serverShutdown", "E": now_ms * unit}


def _key_view(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.account,
        "api_key": key.api_key,
        "secret_key": key.secret_key,
        "key_type": key.key_type,
    }
