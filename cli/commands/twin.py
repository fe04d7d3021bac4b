"""simulator serve, account, fault, market: the twin, and its control door from the shell.

Exit codes: 2 for what the twin refuses, 3 when it does not answer, 1 for an audit that does not add up.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Annotated, Any

import httpx
import orjson
import typer

from cli.exits import missing, misused
from cli.session import CommandSession, command, set_defaults
from shared.src.domain.errors import ConfigurationError
from shared.src.exchange.proxies import http_options
from shared.src.http_calls import failure_of
from simulator.api.faults.catalogue import catalogue_help
from simulator.main import EXAMPLE
from simulator.main import serve as serve_twin

TIMEOUT_S = 30.0
DEFAULT_URL = "http://127.0.0.1:8400/control/v1"
START = "start it with: roottrading simulator serve"

Url = Annotated[str, typer.Option("--url", envvar="SIMULATOR_CONTROL_URL", help="Control door of the running twin.")]
Token = Annotated[
    str, typer.Option("--control-token", envvar="SIMULATOR_CONTROL_TOKEN", help="Token that serve printed.")
]
Balances = Annotated[list[str] | None, typer.Option("--balance", help="ASSET=AMOUNT; may be repeated.")]
Parameters = Annotated[list[str] | None, typer.Option("--param", help="NAME=JSON; may be repeated.")]

twin = typer.Typer(
    no_args_is_help=True,
    help="A Binance-compatible exchange in a box.",
    epilog="Example: roottrading simulator serve --port 8400",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
account = typer.Typer(no_args_is_help=True, help="Accounts of a running twin.")
fault = typer.Typer(no_args_is_help=True, help="Faults of a running twin.")
market = typer.Typer(no_args_is_help=True, help="The market of a running twin.")
twin.callback()(set_defaults)
for name, group in (("account", account), ("fault", fault), ("market", market)):
    group.callback()(set_defaults)
    twin.add_typer(group, name=name)


def _serve(session: CommandSession, **options: Any) -> None:
    try:
        serve_twin(**options)
    except ConfigurationError as error:
        raise misused(str(error), "docs/simulator.md describes fixtures and options") from error


_serve.__doc__ = "Run the exchange; prints one line of JSON with its addresses and keys when it is ready."
_serve.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [
        inspect.Parameter("session", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=CommandSession),
        *inspect.signature(serve_twin).parameters.values(),
    ]
)
command(twin, "serve", epilog=EXAMPLE)(_serve)


def _ask(url: str, token: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the control door answers. Raises CommandError when it is not there or refuses."""
    try:
        answer = httpx.request(
            method,
            f"{url.rstrip('/')}{path}",
            json=body,
            headers={"X-Control-Token": token},
            timeout=TIMEOUT_S,
            **http_options(url),
        )
        document = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise missing(f"the twin does not answer at {url}: {failure_of(error)}", START) from error
    except ValueError as error:
        raise misused(f"{url} is not a control door", "the line that serve printed has its address") from error
    if not answer.is_success or not isinstance(document, dict):
        detail = document.get("detail", document) if isinstance(document, dict) else document
        refuse = missing if answer.is_server_error else misused
        raise refuse(f"the twin refuses: {detail}")
    return document


def _pairs(option: str, texts: Sequence[str] | None) -> dict[str, str]:
    """NAME=VALUE texts taken apart. Raises CommandError for one without a name or a mark."""
    pairs: dict[str, str] = {}
    for text in texts or ():
        name, mark, value = text.partition("=")
        if not mark or not name:
            raise misused(f"{option} takes NAME=VALUE, not {text!r}")
        pairs[name] = value
    return pairs


def _json_or_text(value: str) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def list_accounts(session: CommandSession, token: Token, url: Url = DEFAULT_URL) -> None:
    """Accounts with their keys and balances."""
    session.answer(_ask(url, token, "GET", "/accounts"))


def create_account(
    session: CommandSession,
    name: str,
    token: Token,
    balance: Balances = None,
    key_type: Annotated[str, typer.Option(help="HMAC, RSA or ED25519.")] = "HMAC",
    url: Url = DEFAULT_URL,
) -> None:
    """Open an account; prints its key."""
    body = {"name": name, "balances": _pairs("--balance", balance), "key_type": key_type.upper()}
    session.answer(_ask(url, token, "POST", "/accounts", body))


def deposit(session: CommandSession, name: str, asset: str, amount: str, token: Token, url: Url = DEFAULT_URL) -> None:
    """Put money into an account; a negative amount takes it out."""
    session.answer(_ask(url, token, "POST", "/balances", {"account": name, "asset": asset, "delta": amount}))


example = "Example: roottrading simulator account {}"
command(account, "list", epilog=example.format("list"))(list_accounts)
command(account, "create", epilog=example.format("create bob --balance USDC=5000"))(create_account)
# a negative amount looks like an option
command(
    account,
    "deposit",
    epilog=example.format("deposit demo USDC 1000"),
    context_settings={"ignore_unknown_options": True},
)(deposit)


def list_faults(session: CommandSession, token: Token, url: Url = DEFAULT_URL) -> None:
    """Faults in force, and the catalogue."""
    session.answer(_ask(url, token, "GET", "/faults"))


def add_fault(
    session: CommandSession,
    fault: str,
    token: Token,
    probability: Annotated[float | None, typer.Option(min=0, max=1, help="Chance per request or message.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Hit the next COUNT.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Pattern such as 'POST /api/v3/order' or 'user'.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Only what is about this symbol.")] = None,
    account: Annotated[str | None, typer.Option(help="Only what this account sends or gets.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the fault's dice.")] = None,
    param: Parameters = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Set a fault."""
    body = {
        "fault": fault,
        "probability": probability,
        "count": count,
        "match": {"endpoint": endpoint, "symbol": symbol, "account": account},
        "seed": seed,
        "params": {key: _json_or_text(value) for key, value in _pairs("--param", param).items()},
    }
    session.answer(_ask(url, token, "POST", "/faults", body))


def remove_fault(
    session: CommandSession,
    token: Token,
    fault: Annotated[str | None, typer.Option(help="All of this name.")] = None,
    number: Annotated[int | None, typer.Option("--id", help="The one with this id.")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Lift faults; without options all of them."""
    session.answer(_ask(url, token, "DELETE", "/faults", {"fault": fault, "id": number}))


example = "Example: roottrading simulator fault {}"
command(fault, "list", epilog=example.format("list"))(list_faults)
command(
    fault,
    "add",
    epilog=example.format("add answer_lost --count 1"),
    help="Set a fault.\n\n" + catalogue_help().replace("\n", "\n\n"),
)(add_fault)
command(fault, "remove", epilog=example.format("remove --fault answer_lost"))(remove_fault)


def show_market(session: CommandSession, token: Token, url: Url = DEFAULT_URL) -> None:
    """Clock, books, accounts, orders, faults."""
    session.answer(_ask(url, token, "GET", "/state"))


def outside_trade(
    session: CommandSession,
    symbol: str,
    side: str,
    quantity: str,
    token: Token,
    price: Annotated[str | None, typer.Option(help="The worst price the outside taker accepts.")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Let an outside participant take from the book."""
    body = {"symbol": symbol, "side": side.upper(), "quantity": quantity, "price": price}
    session.answer(_ask(url, token, "POST", "/trades", body))


def advance(session: CommandSession, milliseconds: int, token: Token, url: Url = DEFAULT_URL) -> None:
    """Move a stepped clock."""
    session.answer(_ask(url, token, "POST", "/clock", {"advance_ms": milliseconds}))


def halt(
    session: CommandSession,
    symbol: str,
    token: Token,
    status: Annotated[str, typer.Option(help="HALT, BREAK, CANCEL_ONLY, END_OF_DAY or TRADING.")] = "HALT",
    url: Url = DEFAULT_URL,
) -> None:
    """Change a symbol's trading status."""
    session.answer(_ask(url, token, "POST", "/symbols", {"symbol": symbol, "status": status.upper()}))


def audit(session: CommandSession, token: Token, url: Url = DEFAULT_URL) -> None:
    """Check that every coin is where it must be."""
    document = _ask(url, token, "GET", "/audit")
    session.answer(document)
    session.conclude(ok=bool(document["ok"]), why="; ".join(document["problems"]) or "the twin does not add up")


example = "Example: roottrading simulator market {}"
command(market, "show", epilog=example.format("show"))(show_market)
command(market, "trade", epilog=example.format("trade BTCUSDC BUY 0.5"))(outside_trade)
command(market, "advance", epilog=example.format("advance 60000"))(advance)
command(market, "halt", epilog=example.format("halt BTCUSDC --status BREAK"))(halt)
command(market, "audit", epilog=example.format("audit"))(audit)
