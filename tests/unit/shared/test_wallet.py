"""What the histories of Binance's wallet say, read as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from shared.src.domain.errors import RejectedError
from shared.src.exchange.wallet import MoveKind, wallet_moves

D = Decimal
ANSWERS: dict[str, Any] = {
    "capital/deposit/hisrec": [
        {"id": "d1", "amount": "0.5", "coin": "BTC", "status": 1, "insertTime": 1_700_000_000_000, "walletType": 0},
        {"id": "d2", "amount": "7", "coin": "BTC", "status": 0, "insertTime": 1_700_000_000_000, "walletType": 0},
        {"id": "d3", "amount": "9", "coin": "BTC", "status": 1, "insertTime": 1_700_000_000_000, "walletType": 1},
    ],
    "capital/withdraw/history": [
        {
            "id": "w1",
            "amount": "8.91",
            "transactionFee": "0.004",
            "coin": "USDT",
            "status": 6,
            "applyTime": "2023-11-14 22:13:20",
        }
    ],
    "asset/dribblet": {
        "total": 1,
        "userAssetDribblets": [
            {
                "operateTime": 1_700_000_000_000,
                "transId": 45178372831,
                "userAssetDribbletDetails": [
                    {"amount": "0.0009", "transferedAmount": "0.000882", "fromAsset": "ADA"},
                    {"amount": "3", "transferedAmount": "0.0005", "fromAsset": "DOGE"},
                ],
            }
        ],
    },
    "asset/assetDividend": {
        "rows": [{"id": 1637366104, "amount": "10", "asset": "BHFT", "divTime": 1_700_000_000_000}],
        "total": 1,
    },
    "convert/tradeFlow": {
        "list": [
            {
                "orderId": 940708407462087195,
                "orderStatus": "SUCCESS",
                "fromAsset": "USDC",
                "fromAmount": "20",
                "toAsset": "BNB",
                "toAmount": "0.06154036",
                "createTime": 1_700_000_000_000,
            },
            {"orderStatus": "FAIL"},
        ]
    },
}


async def answer(path: str, params: Mapping[str, str]) -> Any:
    assert params == {"startTime": "5", "endTime": "9"}
    return ANSWERS[path]


async def test_every_history_tells_what_moved_once_it_is_done() -> None:
    found, reasons = await wallet_moves(answer, 5, 9)
    assert reasons == []
    assert [(move.kind, move.number, dict(move.moves)) for move in found] == [
        (MoveKind.DEPOSIT, "d1", {"BTC": D("0.5")}),
        (MoveKind.WITHDRAWAL, "w1", {"USDT": D("-8.914")}),
        (MoveKind.DUST, "45178372831", {"ADA": D("-0.0009"), "BNB": D("0.001382"), "DOGE": D(-3)}),
        (MoveKind.DIVIDEND, "1637366104", {"BHFT": D(10)}),
        (MoveKind.CONVERT, "940708407462087195", {"USDC": D(-20), "BNB": D("0.06154036")}),
    ]
    assert len({move.at for move in found}) == 1


async def test_a_history_that_cannot_be_read_hides_no_other() -> None:
    async def partly(path: str, params: Mapping[str, str]) -> Any:
        if path == "capital/deposit/hisrec":
            raise RejectedError("-2015 Invalid API-key, IP, or permissions for action.", code=-2015)
        return "<html>" if path == "convert/tradeFlow" else await answer(path, params)

    found, reasons = await wallet_moves(partly, 5, 9)
    assert [move.kind for move in found] == [MoveKind.WITHDRAWAL, MoveKind.DUST, MoveKind.DIVIDEND]
    assert [reason.partition(":")[0] for reason in reasons] == ["capital/deposit/hisrec", "convert/tradeFlow"]
