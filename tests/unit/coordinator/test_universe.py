"""What may be traded follows from the exchange's public answer."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest

from coordinator.src.universe import Universe
from shared.memory.manual_clock import ManualClock
from shared.src.domain.errors import TransientError
from shared.src.exchange.market_data import MarketData
from shared.src.exchange.public_client import PublicClient
from shared.src.exchange.weights import WeightBudget

BTC = {
    "symbol": "BTCUSDC",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDC",
    "filters": [
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
        {"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": True},
    ],
}
Answer = Callable[[httpx.Request], httpx.Response]


def rules(answer: Answer) -> MarketData:
    client = PublicClient("http://exchange", WeightBudget(None), transport=httpx.MockTransport(answer))
    return MarketData(client, ManualClock())


def unknown_symbol(request: httpx.Request) -> httpx.Response:
    if "symbols" in request.url.params:
        return httpx.Response(400, json={"code": -1121, "msg": "Invalid symbol."})
    return httpx.Response(200, json={"symbols": [BTC]})


async def test_the_rules_of_a_symbol_come_from_its_filters() -> None:
    universe = Universe(
        rules(lambda _: httpx.Response(200, json={"symbols": [BTC]})), ManualClock(), ("BTCUSDC",), quote_asset="USDC"
    )
    before = universe.rules("BTCUSDC")
    assert before is not None
    assert (before.base, before.is_trading) == ("BTC", True)
    await universe.refresh()
    known = universe.rules("BTCUSDC")
    assert known is not None
    assert [known.notional_min, known.step] == [Decimal(5), Decimal("0.00001")]
    assert universe.rules("XMRUSDC") is None


async def test_a_symbol_chosen_while_running_is_traded_once_its_rules_are_known() -> None:
    ether = BTC | {"symbol": "ETHUSDC", "baseAsset": "ETH"}
    answers = [httpx.Response(200, json={"symbols": [BTC]}), httpx.Response(503)]
    answers.append(httpx.Response(200, json={"symbols": [ether]}))
    universe = Universe(rules(lambda _: answers.pop(0)), ManualClock(), ("BTCUSDC",), quote_asset="USDC")
    await universe.refresh()
    assert universe.rules("ETHUSDC") is None
    with pytest.raises(TransientError):
        await universe.choose(("ETHUSDC",))
    assert universe.shown()["selected_symbols"] == []
    await universe.choose(("ETHUSDC",))
    assert universe.shown()["selected_symbols"] == ["ETHUSDC"]
    assert universe.rules("BTCUSDC") is None


async def test_a_symbol_the_exchange_does_not_have_is_not_traded_and_the_others_are() -> None:
    universe = Universe(rules(unknown_symbol), ManualClock(), ("BTCUSDC", "OLDUSDC"), quote_asset="USDC")
    await universe.refresh()
    assert universe.shown()["selected_symbols"] == ["BTCUSDC"]
