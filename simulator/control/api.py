"""The control API (``/control``): what tests, the demo and the operator do to the twin behind its clients' backs.

Every call but ``GET /v1/clock`` needs the header ``X-Control-Token``. Refusals answer 400, 404 or 422 with
``{"detail": text}``.
"""

import hmac
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse

from shared.src.domain.errors import RootTradingError
from simulator.api.faults.catalogue import CATALOGUE, catalogue_help
from simulator.control.account_view import account_view
from simulator.control.bodies import (
    BalanceChange,
    ClockChange,
    FaultOrder,
    FaultRemoval,
    Liquidity,
    Notice,
    OutsideTrade,
    SymbolChange,
)
from simulator.control.docs_page import control_page
from simulator.control.operations import Operations
from simulator.control.overview import overview
from simulator.control.ports import ControlledTwin
from simulator.engine.errors import ApiError
from simulator.fixture import AccountConfig, describe_errors, parse_fixture


def create_control(twin: ControlledTwin, operations: Operations, token: str) -> FastAPI:
    """The control API as an application to be mounted under ``/control``."""

    def authorized(x_control_token: Annotated[str, Header()] = "") -> None:
        if not hmac.compare_digest(x_control_token.encode(), token.encode()):
            raise HTTPException(401, "the header X-Control-Token is missing or wrong")

    app = FastAPI(title="RootTrading twin: control", version="1", docs_url=None, redoc_url=None)
    app.add_exception_handler(ValueError, _refuse)
    app.add_exception_handler(RootTradingError, _refuse)
    app.add_exception_handler(RequestValidationError, _explain)
    _open_routes(app, twin)
    guard = [Depends(authorized)]
    _market_routes(app, twin, operations, guard)
    _account_routes(app, twin, operations, guard)
    _fault_routes(app, twin, operations, guard)
    return app


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, ApiError):
        return JSONResponse({"detail": error.message, "code": error.error_code}, status_code=400)
    return JSONResponse({"detail": str(error)}, status_code=400)


async def _explain(request: Request, error: Exception) -> JSONResponse:
    """What is wrong with a body, as text; the body itself is not repeated (NaN is no JSON)."""
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"detail": describe_errors(error.errors(), "body")}, status_code=422)


def _open_routes(app: FastAPI, twin: ControlledTwin) -> None:
    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        """What can be asked here, for people."""
        return HTMLResponse(control_page(app.openapi()))

    @app.get("/v1/clock")
    async def read_clock() -> dict[str, Any]:
        """Market and wall time of this moment."""
        reading = twin.clock.reading()
        return {
            "mode": reading.mode,
            "speed": reading.speed,
            "market_ms": reading.market_ms,
            "wall_ms": reading.wall_ms,
        }


Guard = list[Any]


def _market_routes(app: FastAPI, twin: ControlledTwin, operations: Operations, guard: Guard) -> None:
    @app.post("/v1/reset", dependencies=guard)
    async def reset(fixture: dict[str, Any]) -> dict[str, Any]:
        """Start over from a fixture."""
        await twin.reset(parse_fixture(fixture))
        return {"accounts": operations.account_keys()}

    @app.post("/v1/liquidity", dependencies=guard)
    async def liquidity(body: Liquidity) -> dict[str, Any]:
        """Replace what outside participants offer."""
        _known_symbol(twin, body.symbol)
        operations.set_liquidity(body.symbol, list(body.bids), list(body.asks))
        return operations.book(body.symbol)

    @app.post("/v1/trades", dependencies=guard)
    async def trades(body: OutsideTrade) -> dict[str, Any]:
        """An outside participant takes from the book, users' resting orders included."""
        _known_symbol(twin, body.symbol)
        traded = operations.outside_trade(body.symbol, body.side, body.quantity, body.price, print_rest=body.print_rest)
        return {"executed": format(traded, "f")}

    @app.post("/v1/clock", dependencies=guard)
    async def change_clock(body: ClockChange) -> dict[str, Any]:
        """Move a stepped clock, or put the server clock off."""
        if body.skew_ms is not None:
            twin.clock.skew_ms = body.skew_ms
        if body.advance_ms is not None:
            await twin.advance(body.advance_ms)
        return {"market_ms": twin.clock.market_ms(), "server_ms": twin.clock.now_ms(), "skew_ms": twin.clock.skew_ms}

    @app.post("/v1/symbols", dependencies=guard)
    async def symbols(body: SymbolChange) -> dict[str, Any]:
        """Halt, break, reopen or delist a symbol, or change its filters, execution rules or reference price while
        running."""
        return _change_symbol(twin, operations, body)

    @app.get("/v1/state", dependencies=guard)
    async def state() -> dict[str, Any]:
        """Books, accounts, orders, faults and connections: what the admin page shows."""
        return overview(twin, operations)

    @app.get("/v1/audit", dependencies=guard)
    async def audit() -> dict[str, Any]:
        """Per asset deposits, balances, fees and outside, whether they add up, and whether books are sane."""
        return twin.exchange.audit()


def _account_routes(app: FastAPI, twin: ControlledTwin, operations: Operations, guard: Guard) -> None:
    @app.get("/v1/accounts", dependencies=guard)
    async def accounts() -> dict[str, Any]:
        """Accounts with their keys and balances."""
        return {"accounts": operations.accounts_view()}

    @app.get("/v1/accounts/{name}", dependencies=guard)
    async def account(name: str, since_ms: int = 0) -> dict[str, Any]:
        """Balances, orders and trades of an account: open orders, and what changed or traded at ``since_ms`` or later.
        No fault touches this answer."""
        _known_account(twin, name)
        now_ms = twin.clock.now_ms()
        return account_view(twin.exchange.account(name), since_ms=since_ms, now_ms=now_ms)

    @app.post("/v1/accounts", dependencies=guard)
    async def create_account(body: AccountConfig) -> dict[str, Any]:
        """Open an account; answers its key."""
        return operations.add_account(body)

    @app.post("/v1/balances", dependencies=guard)
    async def balances(body: BalanceChange) -> dict[str, Any]:
        """Deposit or withdraw."""
        _known_account(twin, body.account)
        return operations.change_balance(body.account, body.asset, body.delta)

    @app.post("/v1/locks", dependencies=guard)
    async def locks(body: BalanceChange) -> dict[str, Any]:
        """Lock (positive) or unlock part of a balance from outside of the exchange, as collateral is."""
        _known_account(twin, body.account)
        return operations.lock_balance(body.account, body.asset, body.delta)


def _fault_routes(app: FastAPI, twin: ControlledTwin, operations: Operations, guard: Guard) -> None:
    @app.get("/v1/faults", dependencies=guard)
    async def faults() -> dict[str, Any]:
        """Faults in force and the catalogue."""
        catalogue = {
            kind.name: {
                "help": kind.help,
                "scope": kind.scope,
                "endpoints": kind.endpoints,
                "params": dict(kind.params),
            }
            for kind in CATALOGUE.values()
        }
        return {"faults": twin.faults.view(), "catalogue": catalogue}

    async def set_fault(body: FaultOrder) -> dict[str, Any]:
        symbol, account = body.match.symbol, body.match.account
        if symbol is not None:
            _known_symbol(twin, symbol)
        if account is not None:
            _known_account(twin, account)
        return twin.faults.add(body.model_dump()).view()

    app.post(
        "/v1/faults", dependencies=guard, description=f"Set a fault. The catalogue:\n\n```\n{catalogue_help()}\n```"
    )(set_fault)

    @app.delete("/v1/faults", dependencies=guard)
    async def lift(body: FaultRemoval | None = None, id: int | None = None, fault: str | None = None) -> dict[str, Any]:
        """Lift faults by id, by name, or all (body or query)."""
        rule_id = id if body is None or body.id is None else body.id
        name = fault if body is None or body.fault is None else body.fault
        return {"removed": twin.faults.remove(rule_id=rule_id, name=name)}

    @app.post("/v1/shutdown-notice", dependencies=guard)
    async def shutdown_notice(body: Notice) -> dict[str, Any]:
        """Send serverShutdown on every connection, and close them after a while."""
        return {"connections": operations.announce_shutdown(body.close_after_s)}


def _change_symbol(twin: ControlledTwin, operations: Operations, body: SymbolChange) -> dict[str, Any]:
    _known_symbol(twin, body.symbol)
    changed = operations.change_symbol(body.symbol, status=body.status, filters=body.filters, rules=body.rules)
    if "reference_price" in body.model_fields_set:
        twin.exchange.set_reference_price(body.symbol, body.reference_price, twin.clock.now_ms())
        twin.flush()
    if "delist_at_ms" in body.model_fields_set:
        operations.plan_delisting(body.symbol, body.delist_at_ms)
    return changed


def _known_symbol(twin: ControlledTwin, symbol: str) -> None:
    if symbol not in twin.candles:
        raise HTTPException(404, f"there is no symbol {symbol}")


def _known_account(twin: ControlledTwin, account: str) -> None:
    if account not in twin.exchange.accounts:
        raise HTTPException(404, f"there is no account {account}")
