"""The description of an API reads without the internet."""

from __future__ import annotations

import re

import httpx
from fastapi import FastAPI

from shared.src.frame.docs_page import serve_docs


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
