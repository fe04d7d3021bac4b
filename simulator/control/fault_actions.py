"""Faults that act on the market or on connections when they are set, and what undoes them."""

from collections.abc import Callable, Sequence
from typing import Any

from simulator.api.faults.rules import FaultRule
from simulator.api.streams.hub import GOING_AWAY
from simulator.control.operations import Operations
from simulator.control.ports import ControlledTwin


class FaultActions:
    """Carries out a rule of the market or of connections."""

    def __init__(self, twin: ControlledTwin, operations: Operations) -> None:
        self._twin = twin
        self._operations = operations

    def act(self, rule: FaultRule) -> Callable[[], None] | None:
        symbols = [rule.match["symbol"]] if "symbol" in rule.match else list(self._twin.exchange.markets)
        match rule.kind.name:
            case "price_gap":
                for symbol in symbols:
                    self._twin.driver.gap(symbol, float(rule.params["percent"]))
                return None
            case "symbol_halt":
                return self._halt(symbols, str(rule.params["status"]))
            case "filter_change":
                return self._change_filters(symbols, list(rule.params["filters"]))
            case "insufficient_liquidity":
                return self._thin(symbols, float(rule.params["depth"]))
            case "disconnect":
                self._disconnect(rule)
            case "maintenance":
                self._twin.hub.close_all()
                for connection in self._twin.users.everyone():
                    connection.close(GOING_AWAY, "")
        return None

    def _halt(self, symbols: Sequence[str], status: str) -> Callable[[], None]:
        before = {symbol: self._twin.exchange.market(symbol).rules.status for symbol in symbols}
        for symbol in symbols:
            self._operations.change_symbol(symbol, status=status)

        def undo() -> None:
            for symbol, old in before.items():
                self._operations.change_symbol(symbol, status=old)

        return undo

    def _change_filters(self, symbols: Sequence[str], filters: list[dict[str, Any]]) -> Callable[[], None]:
        if not filters:
            raise ValueError("filter_change needs params.filters: Binance filter objects")
        before = {symbol: self._twin.exchange.market(symbol).rules.filters for symbol in symbols}
        for symbol in symbols:
            self._operations.change_symbol(symbol, filters=filters)

        def undo() -> None:
            for symbol, old in before.items():
                self._operations.change_symbol(symbol, filters=[dict(entry) for entry in old])

        return undo

    def _thin(self, symbols: Sequence[str], depth: float) -> Callable[[], None]:
        if not 0 < depth <= 1:
            raise ValueError("insufficient_liquidity needs 0 < params.depth <= 1")
        for symbol in symbols:
            self._twin.driver.thin(symbol, depth)
        self._twin.flush()

        def undo() -> None:
            for symbol in symbols:
                self._twin.driver.thin(symbol, 1.0)
            self._twin.flush()

        return undo

    def _disconnect(self, rule: FaultRule) -> None:
        code, target = int(rule.params["code"]), str(rule.params["target"])
        endpoint = rule.match.get("endpoint")
        if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
            raise ValueError(f"{code} is no code that a WebSocket connection can be closed with")
        if endpoint is not None:
            return
        if target in ("all", "streams"):
            self._twin.hub.close_all(code)
        if target in ("all", "user"):
            for connection in self._twin.users.connections():
                connection.close(code, "")
        rule.remaining = None
