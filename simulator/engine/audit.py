"""The proof that no coin was made or lost, and that every book could exist."""

from __future__ import annotations

from typing import Any

from shared.src.domain.orders import Side
from simulator.engine.core import Core
from simulator.engine.numbers import ZERO, fixed


def audit(core: Core) -> dict[str, Any]:
    """Per asset: deposits, free, locked, fees, outside, and whether deposits = all the rest; and every book's state.

    ``outside``: what outside participants have received, net (negative: they gave).
    """
    assets = {asset: _asset(core, asset) for asset in sorted(_all_assets(core))}
    books = {symbol: _book_problem(core, symbol) for symbol in sorted(core.markets)}
    problems = [
        *(f"{asset}: off by {row['difference']}" for asset, row in assets.items() if not row["ok"]),
        *(f"{symbol}: {problem}" for symbol, problem in books.items() if problem),
        *_balance_problems(core),
    ]
    return {
        "ok": not problems,
        "problems": problems,
        "assets": assets,
        "books": {symbol: {"ok": not problem, "problem": problem} for symbol, problem in books.items()},
    }


def _all_assets(core: Core) -> set[str]:
    named = {asset for account in core.accounts.values() for asset in account.balances}
    return named | set(core.deposits) | set(core.fees) | set(core.outside)


def _asset(core: Core, asset: str) -> dict[str, Any]:
    held = [account.balances[asset] for account in core.accounts.values() if asset in account.balances]
    free = sum((balance.free for balance in held), ZERO)
    locked = sum((balance.locked for balance in held), ZERO)
    deposits, fees = core.deposits.get(asset, ZERO), core.fees.get(asset, ZERO)
    outside = core.outside.get(asset, ZERO)
    difference = deposits - free - locked - fees - outside
    amounts = {
        "deposits": deposits,
        "balances": free + locked,
        "free": free,
        "locked": locked,
        "fees": fees,
        "outside": outside,
        "difference": difference,
    }
    return {**{name: fixed(amount) for name, amount in amounts.items()}, "ok": difference == ZERO}


def _balance_problems(core: Core) -> list[str]:
    problems: list[str] = []
    for account in core.accounts.values():
        owed = dict(account.external_locks)
        for order in account.open_orders.values():
            owed[core.pay_asset(order)] = owed.get(core.pay_asset(order), ZERO) + order.locked
        for order_list in account.open_lists.values():
            if order_list.locked:
                owed[order_list.locked_asset] = owed.get(order_list.locked_asset, ZERO) + order_list.locked
        for asset, balance in account.balances.items():
            if balance.free < ZERO or balance.locked < ZERO:
                problems.append(f"{account.name}: {asset} is below zero: {balance.free} free, {balance.locked} locked")
            if balance.locked != owed.get(asset, ZERO):
                problems.append(
                    f"{account.name}: {balance.locked} {asset} locked, but open orders hold {owed.get(asset, ZERO)}"
                )
    return problems


def _book_problem(core: Core, symbol: str) -> str | None:
    """What is wrong with a book, if anything: crossed, a level that does not add up, an order that is not open."""
    book = core.markets[symbol].book
    bid, ask = book.best(Side.BUY), book.best(Side.SELL)
    if bid is not None and ask is not None and bid[0] >= ask[0]:
        return f"crossed: bid {bid[0]}, ask {ask[0]}"
    for half in (book.bids, book.asks):
        if list(half.prices) != sorted(half.levels):
            return "prices out of order"
        for level in half.levels.values():
            shown = sum(
                (
                    entry.quantity if not hasattr(entry, "display") else entry.display
                    for entry in level.entries.values()
                ),
                ZERO,
            )
            if shown != level.visible or level.visible <= ZERO:
                return f"level {level.price} shows {level.visible}, its queue {shown}"
    return None
