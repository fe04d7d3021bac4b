"""The twin's command line: `roottrading simulator serve|account|fault|market`, also `python -m simulator.main`."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import httpx
import orjson
import typer

from shared.src.domain.errors import ConfigurationError, TransientError
from simulator.doors.faults import catalogue_help
from simulator.fixture import DEFAULT_FIXTURE, Fixture, load_fixture, parse_fixture
from simulator.serve import serve as serve_twin

app = typer.Typer(no_args_is_help=True, help="A Binance-compatible exchange in a box.")
account_app = typer.Typer(no_args_is_help=True, help="Accounts of a running twin.")
fault_app = typer.Typer(no_args_is_help=True, help="Faults of a running twin.")
market_app = typer.Typer(no_args_is_help=True, help="The market of a running twin.")
app.add_typer(account_app, name="account")
app.add_typer(fault_app, name="fault")
app.add_typer(market_app, name="market")

Url = Annotated[str, typer.Option("--url", envvar="SIMULATOR_CONTROL_URL", help="Control door of the running twin.")]
Token = Annotated[
    str, typer.Option("--control-token", envvar="SIMULATOR_CONTROL_TOKEN", help="Token that serve printed.")
]
DEFAULT_URL = "http://127.0.0.1:8400/control/v1"
WRONG_USE, UNREACHABLE = 2, 3
TIMEOUT_S = 30.0


@app.command(epilog="Example: roottrading simulator serve --port 8400 --speed 60 --seed 7")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8400,
    fixture: Annotated[
        Path | None, typer.Option(help="Fixture (JSON) to start from; default: 22 USDC pairs, account demo.")
    ] = None,
    control_token: Annotated[
        str | None, typer.Option(envvar="SIMULATOR_CONTROL_TOKEN", help="Token of the control door; default: random.")
    ] = None,
    state: Annotated[Path | None, typer.Option(help="File that keeps the twin over restarts.")] = None,
    speed: Annotated[float | None, typer.Option(min=0.01, help="Market seconds per second.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the synthetic market and of faults.")] = None,
    replay: Annotated[
        list[str] | None, typer.Option(help="SYMBOL=FILE: play recorded candles; may be repeated.")
    ] = None,
    mirror: Annotated[
        list[str] | None, typer.Option(help="SYMBOL: follow Binance's live market; may be repeated.")
    ] = None,
) -> None:
    """Run the exchange; prints one line of JSON with its addresses and keys when it is ready."""
    try:
        chosen = _fixture(fixture, speed=speed, seed=seed, replay=replay or [], mirror=mirror or [])
        serve_twin(host, port, chosen, control_token, state)
    except ConfigurationError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(WRONG_USE) from error
    except TransientError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(UNREACHABLE) from error


def _fixture(
    path: Path | None, *, speed: float | None, seed: int | None, replay: list[str], mirror: list[str]
) -> Fixture:
    """The fixture with what the options change. Raises ConfigurationError when it makes no sense."""
    data: dict[str, Any] = dict(DEFAULT_FIXTURE)
    if path is not None:
        data = load_fixture(path).model_dump(mode="json")
    if seed is not None:
        data["seed"] = seed
    if speed is not None:
        mode = "real" if speed == 1 else "accelerated"
        data["clock"] = {**data.get("clock", {}), "mode": mode, "speed": speed}
    if replay:
        files = dict(_pair(text) for text in replay)
        data["market"] = {"kind": "replay", "files": files}
        if path is None:
            data["symbols"] = [part for part in _default_symbols() if part["symbol"] in files]
            known = {part["symbol"] for part in data["symbols"]}
            missing = set(files) - known
            if missing:
                raise ConfigurationError(f"give a fixture that lists {', '.join(sorted(missing))}")
    if mirror:
        if replay:
            raise ConfigurationError("--mirror and --replay are two different markets: give one of them")
        data["market"] = {"kind": "mirror"}
        data["symbols"] = [symbol.upper() for symbol in mirror]
    return parse_fixture(data)


def _pair(text: str) -> tuple[str, str]:
    symbol, mark, file = text.partition("=")
    if not mark or not symbol or not file:
        raise ConfigurationError(f"--replay takes SYMBOL=FILE, not {text!r}")
    return symbol.upper(), file


def _default_symbols() -> list[dict[str, Any]]:
    return [part.model_dump(mode="json") for part in parse_fixture(DEFAULT_FIXTURE).symbols]


def _call(url: str, token: str, method: str, path: str, body: dict[str, Any] | None = None) -> None:
    """Ask the control door and print its answer; exit code 3 when it is not there, 1 when it refuses."""
    try:
        answer = httpx.request(
            method, f"{url.rstrip('/')}{path}", json=body, headers={"X-Control-Token": token}, timeout=TIMEOUT_S
        )
    except httpx.HTTPError as error:
        typer.echo(f"the twin does not answer at {url}: {error}", err=True)
        raise typer.Exit(UNREACHABLE) from error
    sys.stdout.write(orjson.dumps(answer.json(), option=orjson.OPT_INDENT_2).decode() + os.linesep)
    if answer.is_error:
        raise typer.Exit(1)


@account_app.command("list", epilog="Example: roottrading simulator account list")
def list_accounts(token: Token, url: Url = DEFAULT_URL) -> None:
    """Accounts with their keys and balances."""
    _call(url, token, "GET", "/accounts")


@account_app.command("create", epilog="Example: roottrading simulator account create bob --balance USDC=5000")
def create_account(
    name: str,
    token: Token,
    balance: Annotated[list[str] | None, typer.Option(help="ASSET=AMOUNT; may be repeated.")] = None,
    key_type: Annotated[str, typer.Option(help="HMAC, RSA or ED25519.")] = "HMAC",
    url: Url = DEFAULT_URL,
) -> None:
    """Open an account; prints its key."""
    balances = dict(text.split("=", 1) for text in balance or [])
    _call(url, token, "POST", "/accounts", {"name": name, "balances": balances, "key_type": key_type})


@account_app.command("deposit", epilog="Example: roottrading simulator account deposit demo USDC 1000")
def deposit(name: str, asset: str, amount: str, token: Token, url: Url = DEFAULT_URL) -> None:
    """Put money into an account; a negative amount takes it out."""
    _call(url, token, "POST", "/balances", {"account": name, "asset": asset, "delta": amount})


@fault_app.command("list", epilog="Example: roottrading simulator fault list")
def list_faults(token: Token, url: Url = DEFAULT_URL) -> None:
    """Faults in force, and the catalogue."""
    _call(url, token, "GET", "/faults")


@fault_app.command(
    "add",
    help="Set a fault.\n\n" + catalogue_help().replace("\n", "\n\n"),
    epilog="Example: roottrading simulator fault add answer_lost --count 1",
)
def add_fault(
    fault: str,
    token: Token,
    probability: Annotated[float | None, typer.Option(min=0, max=1, help="Chance per request or message.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Hit the next COUNT.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Pattern such as 'POST /api/v3/order' or 'user'.")] = None,
    symbol: Annotated[str | None, typer.Option()] = None,
    account: Annotated[str | None, typer.Option()] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the fault's dice.")] = None,
    param: Annotated[list[str] | None, typer.Option(help="NAME=JSON; may be repeated.")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    match = {"endpoint": endpoint, "symbol": symbol, "account": account}
    params = {name: _json_or_text(value) for name, value in (text.split("=", 1) for text in param or [])}
    body = {
        "fault": fault, "probability": probability, "count": count, "match": match, "seed": seed, "params": params,
    }  # fmt: skip
    _call(url, token, "POST", "/faults", body)


def _json_or_text(value: str) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


@fault_app.command("remove", epilog="Example: roottrading simulator fault remove --fault answer_lost")
def remove_fault(
    token: Token,
    fault: Annotated[str | None, typer.Option(help="All of this name.")] = None,
    number: Annotated[int | None, typer.Option("--id", help="The one with this id.")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Lift faults; without options all of them."""
    _call(url, token, "DELETE", "/faults", {"fault": fault, "id": number})


@market_app.command("show", epilog="Example: roottrading simulator market show")
def show_market(token: Token, url: Url = DEFAULT_URL) -> None:
    """Clock, books, accounts, orders, faults."""
    _call(url, token, "GET", "/state")


@market_app.command("trade", epilog="Example: roottrading simulator market trade BTCUSDC BUY 0.5")
def outside_trade(
    symbol: str,
    side: str,
    quantity: str,
    token: Token,
    price: Annotated[str | None, typer.Option(help="The worst price the outside taker accepts.")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Let an outside participant take from the book."""
    body = {"symbol": symbol, "side": side.upper(), "quantity": quantity, "price": price}
    _call(url, token, "POST", "/trades", body)


@market_app.command("advance", epilog="Example: roottrading simulator market advance 60000")
def advance(milliseconds: int, token: Token, url: Url = DEFAULT_URL) -> None:
    """Move a stepped clock."""
    _call(url, token, "POST", "/clock", {"advance_ms": milliseconds})


@market_app.command("halt", epilog="Example: roottrading simulator market halt BTCUSDC --status BREAK")
def halt(
    symbol: str,
    token: Token,
    status: Annotated[str, typer.Option(help="HALT, BREAK, CANCEL_ONLY, END_OF_DAY or TRADING.")] = "HALT",
    url: Url = DEFAULT_URL,
) -> None:
    """Change a symbol's trading status."""
    _call(url, token, "POST", "/symbols", {"symbol": symbol, "status": status})


@market_app.command("audit", epilog="Example: roottrading simulator market audit")
def audit(token: Token, url: Url = DEFAULT_URL) -> None:
    """Check that every coin is where it must be."""
    _call(url, token, "GET", "/audit")


if __name__ == "__main__":
    app()
