"""The WSGI application: the routes, their refusals, and the OpenAPI document and page that follow from them."""

from __future__ import annotations

from flask_openapi import OpenAPI, SecurityScheme
from flask_openapi_swagger.plugins import RegisterPlugin as SwaggerPage
from werkzeug.exceptions import HTTPException

from shared.src.domain.errors import RootTradingError
from shared.src.frame.error_answers import UNSTORABLE
from trader.src.api.answers import JsonRequest, http_error, invalid, json_answer, refused, unstorable
from trader.src.api.loop import TraderLoop
from trader.src.api.models import RefusalBody
from trader.src.api.routes import api

INFO = {
    "title": "RootTrading trader",
    "version": "0.1.0",
    "description": "Orders, positions and control. Calls that change something need a token (scope trade).",
}
BODY_BYTES_MAX = 64 * 1024
OPENAPI_VERSION = "3.1.0"  # what clients and generators read today; the library would say 3.2


def trader_app(trader: TraderLoop) -> OpenAPI:
    """The routes on ``trader``'s loop."""
    app = OpenAPI(
        "trader",
        info=INFO,
        security_schemes={"token": SecurityScheme(type="http", scheme="bearer")},
        validation_error_model=RefusalBody,
        validation_error_callback=invalid,
        doc_ui=False,
        static_folder=None,
    )
    app.openapi_version = OPENAPI_VERSION
    app.request_class = JsonRequest
    app.extensions["trader"] = trader
    app.register_api(api)
    app.register_error_handler(RootTradingError, refused)
    for kind in UNSTORABLE:
        app.register_error_handler(kind, unstorable)
    app.register_error_handler(HTTPException, http_error)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    _describe(app)
    return app


def _describe(app: OpenAPI) -> None:
    """/openapi.json, and /docs from files in the wheel: without the online validator nothing comes from elsewhere."""
    app.add_url_rule("/openapi.json", "openapi", lambda: json_answer(app.api_doc))
    app.config["SWAGGER_CONFIG"] = {"validatorUrl": None}
    app.register_blueprint(SwaggerPage.register(doc_url="openapi.json"))
    app.add_url_rule("/docs", "docs", app.view_functions["swagger.swagger"])
