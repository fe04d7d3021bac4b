"""ledger: whether the books add up, and whether they are the exchange's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx
import typer
from rich.console import Console

from cli.commands.data import with_database
from cli.data_folder import DataFolder
from cli.exits import missing
from cli.run import run_state
from cli.session import CommandSession, command, set_defaults
from shared.src.domain.money import wire

LOOKS_MAX = 10
LOOK_AGAIN_S = 2.0
TIMEOUT_S = 10.0
BALANCES = "SELECT account, asset, amount FROM ledger_balances"

ledger = typer.Typer(help="The books: whether they add up, and equal the exchange.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this group."""
    ledger.callback()(set_defaults)
    app.add_typer(ledger, name="ledger")
    command(ledger, "check", epilog="Example: roottrading ledger check --json")(check)


def check(session: CommandSession) -> None:
    """Add up every asset over all accounts (must be 0), and compare the books with the exchange."""
    told = asyncio.run(_portfolio(session.data))
    document = verdict(with_database(session, _balances), told)
    session.answer(document, lambda out: _show(out, document))
    session.conclude(ok=document["ok"], why="the books do not add up, or are not the exchange's")


def verdict(rows: Sequence[Mapping[str, Any]], told: Mapping[str, Any]) -> dict[str, Any]:
    """The document: sums by asset from ``rows`` (account, asset, amount), the comparison as the portfolio tells it."""
    assets: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        assets.setdefault(row["asset"], {})[row["account"]] = row["amount"]
    sums = {asset: sum(accounts.values(), Decimal(0)) for asset, accounts in sorted(assets.items())}
    gaps = {each["asset"]: each["exchange_minus_books"] for each in told["differences"]}
    return {
        "ok": not any(sums.values()) and told["equals_exchange"] is True,
        "conserved": not any(sums.values()),
        "equals_exchange": told["equals_exchange"],
        "finding": told["finding"],
        "exchange_read_at": told["exchange_read_at"],
        "assets": [
            {
                "asset": asset,
                "sum": wire(total),
                "accounts": {name: wire(amount) for name, amount in sorted(assets[asset].items())},
                "exchange_minus_books": gaps.get(asset, "0"),
            }
            for asset, total in sums.items()
        ],
        "differences": told["differences"],
    }


async def _balances(database: Any) -> list[Mapping[str, Any]]:
    from shared.src.sql import text

    async with database.autocommit() as connection:
        return [dict(row) for row in (await connection.execute(text(BALANCES))).mappings()]


async def _portfolio(data: DataFolder) -> dict[str, Any]:
    """What the portfolio says of its books, once a difference that may be on its way has settled.

    Raises:
        CommandError: it does not run, or does not answer.
    """
    service = run_state.status(data)["services"].get("portfolio")
    if service is None:
        raise missing("the portfolio does not run, and it is who reads the exchange", "roottrading up")
    headers = {"Authorization": f"Bearer {data.api_token()}"}
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, headers=headers) as client:
            for _ in range(LOOKS_MAX):
                answer = await client.get(f"{service['url']}/ledger")
                answer.raise_for_status()
                told: dict[str, Any] = answer.json()
                if told["standing"] != "settling":
                    break
                await asyncio.sleep(LOOK_AGAIN_S)
    except httpx.HTTPError as error:
        raise missing(f"the portfolio does not answer: {type(error).__name__}", "roottrading status") from error
    return told


def _show(out: Console, document: Mapping[str, Any]) -> None:
    for each in document["assets"]:
        line = f"{each['asset']:<10} adds up to {each['sum']:<6} exchange minus books {each['exchange_minus_books']}"
        out.print(line, markup=False, highlight=False)
    out.print("conserved" if document["conserved"] else "NOT conserved")
    state = document["equals_exchange"]
    told = {True: "equal to the exchange", False: "NOT equal to the exchange", None: "the exchange was not read"}[state]
    out.print(f"{told} {document['finding'] or ''}".rstrip(), markup=False)
