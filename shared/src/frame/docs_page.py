"""The page under /docs: Swagger UI from a wheel; FastAPI's own fetches it, and stays blank without internet."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

WHEEL = "flask_openapi_swagger"
FILES = "/docs-files"


def serve_docs(app: FastAPI) -> None:
    """Add the page to an app that has none."""
    app.mount(FILES, StaticFiles(directory=_folder()), name="docs-files")

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "").rstrip("/")
        files = root + FILES
        return get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{files}/js/swagger-ui-bundle.js",
            swagger_css_url=f"{files}/css/swagger-ui.css",
            swagger_favicon_url=f"{files}/images/swagger.svg",
        )


def _folder() -> Path:
    """Where the wheel keeps its files; it is not imported, which would bring Flask into every service."""
    found = importlib.util.find_spec(WHEEL)
    if found is None or found.origin is None:
        raise RuntimeError(f"{WHEEL} is not installed")
    return Path(found.origin).parent / "templates" / "swagger"
