"""The Binance twin as a supervised component: its fixture, where it listens, what it knows."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from cli.data_folder import PROJECT_ROOT, DataFolder, write_json
from cli.exits import missing
from cli.process.child import Launch
from cli.process.ports import HOST
from cli.stack.health import ComponentHealth
from cli.stack.twin_fixture import ACCOUNT
from shared.src.http_calls import failure_of

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class TwinAddress:
    """What the twin announced."""

    rest: str
    control: str
    control_token: str
    api_key: str
    secret_key: str

    @classmethod
    def parse(cls, line: dict[str, Any]) -> TwinAddress:
        account = next(account for account in line["accounts"] if account["name"] == ACCOUNT)
        return cls(
            rest=str(line["rest"]).rstrip("/"),
            control=str(line["control"]).rstrip("/"),
            control_token=str(line["control_token"]),
            api_key=str(account["api_key"]),
            secret_key=str(account["secret_key"]),
        )


@dataclass(slots=True)
class TwinExchange:
    """The exchange of a demo. Its state file lets it come back after a crash with the same orders and balances."""

    data: DataFolder
    port: int
    fixture: dict[str, Any]
    fresh: bool
    address: TwinAddress | None = None
    clock: str = ""
    name: str = field(default="exchange")

    @property
    def _state(self) -> Path:
        return self.data.root / ("exchange-demo.state" if self.fresh else "exchange.state")

    @property
    def _fixture_file(self) -> Path:
        return self.data.root / "exchange-fixture.json"

    def prepare(self) -> None:
        """Write the fixture; a fresh run forgets the exchange of the run before."""
        if self.fresh:
            for path in self._state.parent.glob(f"{self._state.name}*"):
                path.unlink()
        write_json(self._fixture_file, self.fixture)

    def launch(self) -> Launch:
        self.address = None
        return Launch(
            argv=(
                sys.executable,
                "-m",
                "cli.main",
                "simulator",
                "serve",
                "--host",
                HOST,
                "--port",
                str(self.port),
                "--fixture",
                str(self._fixture_file),
                "--state",
                str(self._state),
            ),
            env=dict(os.environ) | {"TYPER_STANDARD_TRACEBACK": "1", "PYTHONFAULTHANDLER": "1"},
            log=self.data.log_of(self.name),
            cwd=PROJECT_ROOT,
            announces=True,
        )

    def announced(self, line: dict[str, Any]) -> None:
        self.address = TwinAddress.parse(line)

    def variables(self) -> dict[str, str]:
        """What a service needs to trade on the twin as on Binance."""
        if self.address is None:
            return {}
        return {
            "SIMULATOR_URL": self.address.rest,
            "BINANCE_API_KEY": self.address.api_key,
            "BINANCE_SECRET_KEY": self.address.secret_key,
            "PLATFORM_CLOCK": self.clock,
        }

    async def probe(self) -> ComponentHealth:
        if self.address is None:
            return ComponentHealth(healthy=False, detail="starting", answered=False)
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
                (await client.get(f"{self.address.rest}/api/v3/ping")).raise_for_status()
        except httpx.HTTPError as error:
            return ComponentHealth(healthy=False, detail=failure_of(error), answered=False)
        return ComponentHealth(healthy=True)

    async def after_start(self) -> None:
        """Learn the market's clock: every service gets it, so that all agree on the time."""
        clock = await self.control_call("GET", "/clock")
        if clock["mode"] == "accelerated":
            self.clock = f"{clock['speed']}@{clock['market_ms']}@{clock['wall_ms']}"

    async def control_call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the control door.

        Raises:
            CommandError: the twin does not answer, or refuses.
        """
        if self.address is None:
            raise missing("the exchange has not started")
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
                answer = await client.request(
                    method,
                    f"{self.address.control}{path}",
                    headers={"X-Control-Token": self.address.control_token},
                    content=json.dumps(body) if body is not None else None,
                )
                answer.raise_for_status()
        except httpx.HTTPError as error:
            raise missing(f"the exchange's control door does not answer: {failure_of(error)}") from error
        document: dict[str, Any] = answer.json()
        return document
