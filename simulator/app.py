"""All doors of a twin as one application on one port."""

import time
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from simulator.doors.admin import PAGE
from simulator.doors.calls import Endpoint
from simulator.doors.control import create_control
from simulator.doors.rest_account import ACCOUNT_ENDPOINTS
from simulator.doors.rest_market import MARKET_ENDPOINTS
from simulator.doors.rest_trade import TRADE_ENDPOINTS
from simulator.doors.streams import StreamDoor
from simulator.doors.ws_api import WsApiDoor
from simulator.twin import Twin


async def admin_page(request: Request) -> Response:
    """The page under `/`; it asks for the control token itself."""
    return HTMLResponse(PAGE, headers={"Cache-Control": "no-store"})


def create_app(twin: Twin, token: str) -> Starlette:
    """REST under /api and /sapi, streams under /ws and /stream, WebSocket API, control door and admin page."""
    streams = StreamDoor(twin.hub, twin.connection_limits, time.monotonic)
    ws_api = WsApiDoor(twin.state, twin.users, twin.connection_limits, ws_endpoints(), time.monotonic)
    routes: list[BaseRoute] = [
        Route("/", admin_page),
        Mount("/control", create_control(twin, token)),
        WebSocketRoute("/ws-api/v3", ws_api.serve),
        WebSocketRoute("/ws", streams.serve),
        WebSocketRoute("/ws/{names:path}", streams.serve),
        WebSocketRoute("/stream", streams.serve),
    ]
    return Starlette(routes=routes)


def ws_endpoints() -> Mapping[str, Endpoint]:
    """Every call the WebSocket API knows, by method."""
    return {row.ws: row for row in (*MARKET_ENDPOINTS, *ACCOUNT_ENDPOINTS, *TRADE_ENDPOINTS) if row.ws}
