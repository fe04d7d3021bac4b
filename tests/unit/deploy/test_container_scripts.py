"""The three small programs that run in containers: health probe, entry point, simulator wrapper."""

from __future__ import annotations

import http.server
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "deploy" / "docker"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"deploy_docker_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()
        self.wfile.write(b'{"status": "unhealthy", "dependencies": {"redis": {"ok": false}}}')

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def probe(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPTS / "healthcheck.py")],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_healthy_service_is_healthy(port: int) -> None:
    assert probe(HEALTH_PORT=str(port)).returncode == 0


def test_an_unhealthy_service_is_unhealthy_and_says_why(port: int) -> None:
    done = probe(HEALTH_PORT=str(port), HEALTH_PATH="/ill")
    assert done.returncode == 1
    assert "503" in done.stdout
    assert '"redis"' in done.stdout


def test_a_service_that_does_not_listen_is_unhealthy() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Health) as closed:
        free = closed.server_address[1]
    assert "refused" in probe(HEALTH_PORT=str(free)).stdout


def test_a_container_without_a_port_to_probe_is_a_mistake() -> None:
    assert "HEALTH_PORT" in probe().stdout


NOTE = {"url": "http://simulator:8400", "api_key": "k", "secret_key": "s"}


def test_a_service_of_the_demo_follows_the_market_clock() -> None:
    clock = {"mode": "accelerated", "speed": 60.0, "market_ms": 5, "wall_ms": 7}
    assert script("entrypoint").exchange_variables(NOTE, clock) == {
        "SIMULATOR_URL": "http://simulator:8400",
        "BINANCE_API_KEY": "k",
        "BINANCE_SECRET_KEY": "s",
        "PLATFORM_CLOCK": "60.0@5@7",
    }


def test_real_time_needs_no_clock() -> None:
    clock = {"mode": "real", "speed": 1.0, "market_ms": 5, "wall_ms": 5}
    assert "PLATFORM_CLOCK" not in script("entrypoint").exchange_variables(NOTE, clock)


def test_without_a_note_a_container_runs_its_command_as_it_is() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "entrypoint.py"), sys.executable, "-c", "import os; print(dict(os.environ))"],
        env={"BINANCE_API_KEY": "mine"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "'mine'" in done.stdout
    assert "SIMULATOR_URL" not in done.stdout


def test_the_note_names_the_demo_account_only() -> None:
    accounts = [
        {"name": "other", "api_key": "no", "secret_key": "no"},
        {"name": "demo", "api_key": "k", "secret_key": "s", "key_type": "HMAC"},
    ]
    assert script("simulator").note_of({"accounts": accounts, "rest": "http://127.0.0.1:8400"}) == NOTE


def test_the_simulator_runs_as_fast_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_SPEED", "30")
    fixture = script("simulator").options().fixture()
    assert fixture["clock"]["speed"] == 30
    assert json.dumps(fixture)
