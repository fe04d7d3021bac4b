"""Starts the twin: ``roottrading simulator serve``, also ``python -m simulator.main serve``."""

import functools
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.src.domain.errors import ConfigurationError, TransientError
from simulator.fixture import DEFAULT_FIXTURE, Fixture, load_fixture, parse_fixture
from simulator.serve import serve as serve_twin

app = typer.Typer(no_args_is_help=True, help="A Binance-compatible exchange in a box.")
EXAMPLE = "Example: roottrading simulator serve --port 8400 --speed 60 --seed 7"
WRONG_USE, UNREACHABLE, INTERRUPTED = 2, 3, 130


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
    tls: Annotated[
        Path | None, typer.Option(help="Folder for a certificate made on the spot: serve https and wss with it.")
    ] = None,
    speed: Annotated[float | None, typer.Option(min=0.01, help="Market seconds per second.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the synthetic market and of faults.")] = None,
    replay: Annotated[
        list[str] | None, typer.Option(help="SYMBOL=FILE: play recorded candles; may be repeated.")
    ] = None,
    mirror: Annotated[
        list[str] | None, typer.Option(help="SYMBOL: follow Binance's live market; may be repeated.")
    ] = None,
) -> None:
    """Run the exchange; prints one line of JSON with its addresses and keys when it is ready.

    Raises ConfigurationError, TransientError for a market that cannot be reached, and KeyboardInterrupt after Ctrl-C.
    """
    chosen = _fixture(fixture, speed=speed, seed=seed, replay=replay or [], mirror=mirror or [])
    serve_twin(host, port, chosen, control_token, state, tls)


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
            data["symbols"] = [symbol for symbol in _default_symbols() if symbol["symbol"] in files]
            known = {symbol["symbol"] for symbol in data["symbols"]}
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
    return [symbol.model_dump(mode="json") for symbol in parse_fixture(DEFAULT_FIXTURE).symbols]


@app.callback()
def _group() -> None:
    """A Binance-compatible exchange in a box."""


@app.command("serve", epilog=EXAMPLE)
@functools.wraps(serve)
def _serve(*values: Any, **options: Any) -> None:
    try:
        serve(*values, **options)
    except ConfigurationError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(WRONG_USE) from error
    except TransientError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(UNREACHABLE) from error
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


if __name__ == "__main__":
    app()
