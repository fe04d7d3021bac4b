"""The histories of Binance's wallet: what came to the account and left it without a trade, as plain values.

Each is a call of its own below /sapi/v1, which a key may be refused. Rows that are not final, or say nothing of the
spot account, are left out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from shared.src.domain.clock import from_ms
from shared.src.domain.errors import ContractError, RejectedError, TransientError
from shared.src.exchange.shapes import list_of, object_of

DEPOSITED, WITHDRAWN = 1, 6  # Binance's statuses of what is done
CREDITED = 6  # of a deposit that cannot be withdrawn yet
CONVERTED = "SUCCESS"
ZERO = Decimal(0)

WalletCall = Callable[[str, Mapping[str, str]], Awaitable[Any]]


class MoveKind(StrEnum):
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    DUST = "dust"
    DIVIDEND = "dividend"
    CONVERT = "convert"


@dataclass(frozen=True, slots=True)
class WalletMove:
    """Units of each asset that came (+) or went (-) together; ``number`` names it within its kind."""

    kind: MoveKind
    number: str
    moves: Mapping[str, Decimal]
    at: datetime


async def wallet_moves(ask: WalletCall, since_ms: int, until_ms: int) -> tuple[list[WalletMove], list[str]]:
    """What the histories have of the time between, history by history; and why some of them could not be read."""
    span = {"startTime": str(since_ms), "endTime": str(until_ms)}
    found, reasons = list[WalletMove](), list[str]()
    for path, read in HISTORIES.items():
        try:
            found += read(await ask(path, span))
        except (RejectedError, TransientError, ContractError) as error:
            reasons.append(f"{path}: {error}")
        except (KeyError, TypeError, ValueError, InvalidOperation) as error:
            reasons.append(f"{path}: {type(error).__name__}")
    return found, reasons


def _rows(answer: Any, name: str) -> list[Any]:
    return list_of(object_of(answer, name).get(name), name)


def _deposits(answer: Any) -> Iterable[WalletMove]:
    for row in list_of(answer, "deposits"):
        if int(row["status"]) in {DEPOSITED, CREDITED} and not int(row.get("walletType", 0)):
            moves = {str(row["coin"]): Decimal(row["amount"])}
            number = str(row.get("id") or row["txId"])
            yield WalletMove(MoveKind.DEPOSIT, number, moves, from_ms(int(row["insertTime"])))


def _withdrawals(answer: Any) -> Iterable[WalletMove]:
    """The network's fee leaves the account beside the amount."""
    for row in list_of(answer, "withdrawals"):
        if int(row["status"]) == WITHDRAWN and not int(row.get("walletType", 0)):
            amount = Decimal(row["amount"]) + Decimal(row.get("transactionFee") or 0)
            at = datetime.fromisoformat(str(row["applyTime"])).replace(tzinfo=UTC)
            yield WalletMove(MoveKind.WITHDRAWAL, str(row["id"]), {str(row["coin"]): -amount}, at)


def _dust(answer: Any) -> Iterable[WalletMove]:
    for row in _rows(answer, "userAssetDribblets"):
        moves: dict[str, Decimal] = {}
        for part in row["userAssetDribbletDetails"]:
            target = str(part.get("targetAsset") or "BNB")
            moves[str(part["fromAsset"])] = moves.get(str(part["fromAsset"]), ZERO) - Decimal(part["amount"])
            moves[target] = moves.get(target, ZERO) + Decimal(part["transferedAmount"])
        yield WalletMove(MoveKind.DUST, str(row["transId"]), moves, from_ms(int(row["operateTime"])))


def _dividends(answer: Any) -> Iterable[WalletMove]:
    for row in _rows(answer, "rows"):
        moves = {str(row["asset"]): Decimal(row["amount"])}
        number = str(row.get("id") or row["tranId"])
        yield WalletMove(MoveKind.DIVIDEND, number, moves, from_ms(int(row["divTime"])))


def _conversions(answer: Any) -> Iterable[WalletMove]:
    for row in _rows(answer, "list"):
        if row["orderStatus"] == CONVERTED:
            moves = {str(row["fromAsset"]): -Decimal(row["fromAmount"]), str(row["toAsset"]): Decimal(row["toAmount"])}
            yield WalletMove(MoveKind.CONVERT, str(row["orderId"]), moves, from_ms(int(row["createTime"])))


HISTORIES: Mapping[str, Callable[[Any], Iterable[WalletMove]]] = {
    "capital/deposit/hisrec": _deposits,
    "capital/withdraw/history": _withdrawals,
    "asset/dribblet": _dust,
    "asset/assetDividend": _dividends,
    "convert/tradeFlow": _conversions,
}
