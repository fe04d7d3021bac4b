"""Everything a twin serves, as one application on one port."""

import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from simulator.api.rest.app import WS_METHODS, RestRouter, rest_routes
from simulator.api.streams.server import MarketStreams
from simulator.api.ws_api.server import WebSocketApi
from simulator.control.admin import PAGE
from simulator.control.api import create_control
from simulator.twin import Twin


async def admin_page(request: Request) -> Response:
    """The page under ``/``; it asks for the control token itself."""
    return HTMLResponse(PAGE, headers={"Cache-Control": "no-store"})


def create_app(twin: Twin, token: str) -> ASGIApp:
    """REST under /api and /sapi, streams under /ws and /stream, WebSocket API, control API and admin page."""
    streams = MarketStreams(twin.hub, twin.connection_limits, twin.state, time.monotonic)
    ws_api = WebSocketApi(twin.state, twin.users, twin.connection_limits, WS_METHODS, time.monotonic)
    routes: list[BaseRoute] = [
        Route("/", admin_page),
        Mount("/control", create_control(twin, twin.operations, token)),
        WebSocketRoute("/ws-api/v3", ws_api.serve),
        WebSocketRoute("/stream", streams.serve),
        *rest_routes(lambda: twin.state),
    ]
    rest = RestRouter(lambda: twin.state, Starlette(routes=routes))

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        # whatever follows /ws/ is a stream name, a line break included, which no route would match
        if scope["type"] == "websocket" and f"{scope['path']}/".startswith("/ws/"):
            await streams.serve(WebSocket(scope, receive, send))
        else:
            await rest(scope, receive, send)

    return dispatch
