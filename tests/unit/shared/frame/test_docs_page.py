"""The description of an API reads without the internet."""

from __future__ import annotations

import re

import httpx
from fastapi import FastAPI

from shared.src.config import load_settings
from shared.src.frame.docs_page import serve_docs
from shared.src.frame.service import Service


async def test_the_page_asks_nobody_but_the_service() -> None:
    app = FastAPI(title="RootTrading gateway", docs_url=None)
    serve_docs(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        page = (await client.get("/docs")).text
        assert "<title>RootTrading gateway</title>" in page
        assert "url: '/openapi.json'" in page
        addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert len(addresses) == 3
        for address in addresses:
            assert (await client.get(address)).status_code == 200, address
        assert (await client.get("/openapi.json")).json()["paths"] == {}


def test_a_service_has_no_page_that_loads_from_elsewhere() -> None:
    app = Service("gateway", load_settings()).app
    assert app.redoc_url is None
    assert app.docs_url is None  # the page under /docs is ours
