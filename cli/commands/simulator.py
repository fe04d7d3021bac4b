"""simulator: the Binance twin's own command line, loaded only when it is asked for."""

from __future__ import annotations

import sys

import typer


def register(app: typer.Typer) -> None:
    """Add this group."""
    settings = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    app.command("simulator", context_settings=settings, add_help_option=False)(simulator)


def simulator(context: typer.Context) -> None:
    """The Binance twin: serve (see `simulator --help`)."""
    from simulator.main import app as twin

    sys.exit(twin(args=list(context.args) or ["--help"], prog_name="roottrading simulator"))
