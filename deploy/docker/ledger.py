"""Inside a container of the demo: stop entries, let fills arrive, then compare the ledger with the exchange.

Prints what it found as one line of JSON; exit code 0 when every balance and every fill agree, else 1.
"""

import asyncio
import json
import sys

import httpx

from cli.demo.exchange_account import AccountClient
from cli.demo.run_facts import RunFacts
from cli.demo.summary import settle
from shared.src.clocks import SystemClock
from shared.src.config import Settings, load_settings


async def pause(settings: Settings) -> None:
    """Tell the trader to open nothing new."""
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        answer = await client.post(
            f"{settings.url_of('trader')}/config/pause",
            headers={"Authorization": f"Bearer {settings.api_token.get_secret_value()}"},
            json={"reason": "the ledger is compared with the exchange"},
        )
        answer.raise_for_status()


async def main() -> int:
    settings = load_settings()
    await pause(settings)
    books = RunFacts(settings.database_url)
    account = AccountClient(
        settings.simulator_url,
        settings.binance_api_key.get_secret_value(),
        settings.binance_secret_key.get_secret_value(),
    )
    found = await settle(books, account, SystemClock())
    report = {
        "differences": found.differences,
        "lost_fills": found.lost_fills,
        "doubled_fills": found.doubled_fills,
        "fills": len(await books.fills()),
        "doubled_orders": await books.doubles(),
    }
    sys.stdout.write(json.dumps(report) + "\n")
    wrong = found.differences or found.lost_fills or found.doubled_fills or report["doubled_orders"]
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
