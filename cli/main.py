"""The ``roottrading`` command."""

from __future__ import annotations

import atexit
import gc

import typer

from cli.commands import (
    backtest,
    chaos,
    data,
    doctor,
    history,
    ledger,
    offline,
    optimize,
    run,
    simulator,
    status,
    strategy,
)
from cli.session import set_defaults

app = typer.Typer(
    name="roottrading",
    help="Automated trading on Binance SPOT: the platform, its databases and a Binance twin, on this machine.",
    epilog="Example: roottrading demo --duration 180. Exit codes: 0 done, 1 not so, 2 wrong use, 3 missing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(set_defaults)
# or the interpreter looks for garbage in all it loaded on its way out, which takes longer than many a command
atexit.register(gc.freeze)
for commands in (
    run,
    status,
    doctor,
    data,
    ledger,
    strategy,
    offline,
    backtest,
    optimize,
    history,
    simulator,
    chaos,
):
    commands.register(app)

if __name__ == "__main__":
    app(prog_name="roottrading")
