"""db and token: the database of the platform, and who may use its APIs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer

from cli.data_folder import read_json
from cli.exits import missing, misused
from cli.run import run_state, services
from cli.run.detached import start_detached
from cli.run.platform import RunPlan
from cli.session import CommandSession, command, set_defaults
from shared.src.clocks import SystemClock
from shared.src.config import load_settings

T = TypeVar("T")
START_TIMEOUT_S = 60.0

db = typer.Typer(help="The database: bring it up to date, see where it is, reach it.", no_args_is_help=True)
token = typer.Typer(help="API tokens: make, list, withdraw.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these groups."""
    for group, name in ((db, "db"), (token, "token")):
        group.callback()(set_defaults)
        app.add_typer(group, name=name)
    command(db, "migrate", epilog="Example: roottrading db migrate")(migrate)
    command(db, "status", epilog="Example: roottrading db status --json")(status)
    command(db, "schema", epilog="Example: roottrading db schema > database/schema.sql")(schema)
    command(db, "url", epilog='Example: psql "$(roottrading db url)" -c "SELECT * FROM strategy_performance"')(url)
    command(token, "create", epilog="Example: roottrading token create --scope read --name grafana")(create)
    command(token, "list", epilog="Example: roottrading token list")(list_)
    command(token, "revoke", epilog="Example: roottrading token revoke 1a2b3c4d")(revoke)


def database_url(session: CommandSession, *, start: bool = True) -> str:
    """The DSN of the running stack, of the environment (PGHOST), or of the last run, whose PostgreSQL is then started.

    Raises:
        CommandError: there is no database to speak of.
    """
    data = session.data
    known = read_json(data.connections_file)
    if known is not None and run_state.find(data) is not None:
        return str(known["database_url"])
    services.adopt_env_file()
    if os.environ.get("PGHOST") or os.environ.get("DB_HOST"):
        return load_settings().database_url
    if known is None:
        raise missing("there is no database yet", "roottrading up, roottrading demo, or set PGHOST, PGUSER, PGPASSWORD")
    if not start:
        raise missing("the database does not run", "roottrading up")
    plan = RunPlan(kind="database", database=known["variables"]["PGDATABASE"])
    clock = SystemClock()
    asyncio.run(start_detached(plan, data, clock, timeout_s=START_TIMEOUT_S, say=session.detail))
    session.note("PostgreSQL of the last run was started; `roottrading down` stops it")
    return str((read_json(data.connections_file) or {})["database_url"])


def migrate(session: CommandSession) -> None:
    """Bring the database to the current schema; doing it again changes nothing."""
    from database.migrate import migrate as apply

    level = apply(database_url(session))
    session.answer({"ok": True, "level": level.value}, lambda out: out.print(f"up to date, on level {level.value}"))


def status(session: CommandSession) -> None:
    """Say which schema the database has, and which it should have."""
    from database.migrate import status as read

    found = read(database_url(session))
    session.answer(dict(found), lambda out: out.print(f"at {found['current'] or 'nothing'}, newest {found['head']}"))
    session.conclude(ok=bool(found["up_to_date"]), why="the schema is not up to date", remedy="roottrading db migrate")


def schema(session: CommandSession) -> None:
    """Print the schema as SQL, from the migrations; no database is needed."""
    from database.migrate import schema_sql

    written = schema_sql()
    session.answer(
        {"sql": written}, lambda out: out.print(written, markup=False, highlight=False, soft_wrap=True, end="")
    )


def url(session: CommandSession) -> None:
    """Print the DSN of the running stack, for psql and other clients."""
    dsn = database_url(session)
    session.answer({"url": dsn}, lambda out: out.print(dsn, markup=False, soft_wrap=True))


def with_database(session: CommandSession, work: Callable[[Any], Awaitable[T]]) -> T:
    from shared.src.database import Database

    async def run() -> T:
        database = Database(database_url_, pool_max=1, application="roottrading-cli")
        try:
            return await work(database)
        finally:
            await database.close()

    database_url_ = database_url(session)
    return asyncio.run(run())


def create(
    session: CommandSession,
    scope: Annotated[str, typer.Option(help="read, trade or admin; each includes those before it.")],
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Make a token. It is shown once: only its hash is kept."""
    from shared.src.frame.auth import Scope, create_token

    try:
        parsed = Scope.parse(scope)
    except ValueError as error:
        raise misused(f"--scope: {error}") from error
    token_id, secret = with_database(session, lambda database: create_token(database, name=name, scope=parsed))
    document = {"token_id": token_id, "token": secret, "scope": parsed.name.lower(), "name": name}
    session.answer(document, lambda out: out.print(secret, markup=False))
    session.note(f"token {token_id} with scope {document['scope']}; it cannot be shown again")


def list_(session: CommandSession) -> None:
    """List the tokens, withdrawn ones too."""
    from shared.src.frame.auth import list_tokens

    rows = with_database(session, list_tokens)

    def show(out: Any) -> None:
        for row in rows:
            state = f"revoked {row['revoked_at']:%Y-%m-%d %H:%M}" if row["revoked_at"] else "valid"
            out.print(
                f"{row['token_id']}  {row['scope']:<6} {row['created_at']:%Y-%m-%d %H:%M}  {state}  {row['name']}"
            )

    session.answer({"tokens": rows}, show)


def revoke(session: CommandSession, token_id: Annotated[str, typer.Argument(help="As `token list` shows it.")]) -> None:
    """Withdraw a token; services notice within seconds."""
    from shared.src.frame.auth import revoke_token

    done = with_database(session, lambda database: revoke_token(database, token_id))
    session.answer({"ok": done, "token_id": token_id}, lambda out: out.print("revoked" if done else "nothing revoked"))
    session.conclude(ok=done, why=f"there is no valid token {token_id}")
