"""The demo's summary for people."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

MEGABYTE = 1_000_000


def show_summary(out: Console, document: dict[str, Any]) -> None:
    """Print the summary as two tables and a verdict."""
    out.print(_services(document))
    out.print(_figures(document))
    for row in document["differences"]:
        out.print(f"[red]{row['asset']}: ledger {row['ledger']}, exchange {row['exchange']}[/]")
    verdict = "[bold green]OK[/]" if document["ok"] else "[bold red]NOT OK[/]"
    out.print(f"{verdict}  {_verdict(document)}")


def _services(document: dict[str, Any]) -> Table:
    table = Table(header_style="bold")
    table.add_column("service")
    table.add_column("healthy")
    for name in ("port", "memory", "restarts"):
        table.add_column(name, justify="right")
    for name, part in document["services"].items():
        healthy = "[green]yes[/]" if part["healthy"] else "[red]no[/]"
        memory = f"{part['rss_bytes'] / MEGABYTE:.0f} MB"
        table.add_row(name, healthy, str(part["port"]), memory, str(part["restarts"]))
    return table


def _figures(document: dict[str, Any]) -> Table:
    cycles, latency, unprotected = (document[name] for name in ("cycles", "latency_ms", "unprotected_s"))
    to_order = latency["candle_to_order"]
    quote = document["quote_asset"]
    rows = {
        "traded for, started in": f"{document['duration_s']} s, {document['startup_s']} s",
        "market messages": f"{document['market_messages']:,}",
        "1m candles closed": f"{document['candles_closed']:,}",
        "signals, decisions": f"{document['signals']:,}, {document['decisions']:,}",
        "orders, fills": f"{document['orders']:,}, {document['fills']:,}",
        "cycles": f"{cycles['opened']} opened, {cycles['completed']} completed, {cycles['failed']} failed",
        "net profit, fees": f"{_amount(document['pnl_net'])} {quote}, {_amount(document['fees'])} {quote}",
        "slippage against arrival": f"{_amount(document['slippage'])} {quote}",
        "candle to order": f"p50 {to_order['p50']} ms, p99 {to_order['p99']} ms ({to_order['n']} orders)",
        "position unprotected": f"p50 {unprotected['p50']} s, max {unprotected['max']} s",
        "lost, doubled, gaps, dead letters": ", ".join(
            str(document[name]) for name in ("lost_fills", "duplicates", "gaps", "dead_letters")
        ),
        "ledger equals exchange": "yes, to the last digit" if document["ledger_equals_exchange"] else "NO",
        "memory of the services": f"{document['rss_bytes_total'] / MEGABYTE:.0f} MB",
    }
    table = Table(show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _amount(text: str) -> str:
    return f"{Decimal(text):,.4f}"


def _verdict(document: dict[str, Any]) -> str:
    if document["ok"]:
        return "every service healthy, nothing lost, nothing doubled"
    unhealthy = [name for name, part in document["services"].items() if not part["healthy"]]
    reasons = [f"not healthy: {', '.join(unhealthy)}"] if unhealthy else []
    if not document["ledger_equals_exchange"]:
        reasons.append("the ledger differs from the exchange")
    reasons += [
        f"{name}: {document[name]}" for name in ("lost_fills", "duplicates", "gaps", "dead_letters") if document[name]
    ]
    return "; ".join(reasons)
