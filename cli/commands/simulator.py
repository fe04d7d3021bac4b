"""simulator: the Binance twin's command line, loaded only when it is asked for."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add this group."""
    settings = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    app.command("simulator", context_settings=settings, add_help_option=False)(simulator)


def simulator(context: typer.Context) -> None:
    """The Binance twin: serve, account, fault, market (see ``simulator --help``)."""
    from cli.commands.twin import twin

    twin(args=list(context.args) or ["--help"], prog_name="roottrading simulator", obj=context.obj)
