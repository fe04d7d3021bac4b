"""Every route of every service answers what nobody should send with 4xx and the reason: no 5xx, no hang."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.src.config import Settings
from tests.integration.pipeline.bad_input import BadCall, bad_calls
from tests.integration.simulator.conftest import RunningTwin, running_twin
from tests.integration.trader.conftest import STILL, TOKEN
from tests.processes import ServiceProcess, environment_of, services

pytestmark = pytest.mark.integration

NAMES = ("portfolio", "trader", "coordinator", "gateway", "dispatcher", "analyzer", "visualization")
ANSWER_S_MAX = 10.0
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
# What answers these is not about what was sent.
NOT_ASKED = ("/health", "/metrics")


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    with running_twin(tmp_path_factory.mktemp("twin"), fixture=STILL) as started:
        yield started


@pytest.fixture
def running(settings: Settings, twin: RunningTwin, tmp_path: Path) -> Iterator[dict[str, ServiceProcess]]:
    extra = {
        "SIMULATOR_URL": twin.rest,
        "BINANCE_API_KEY": twin.key,
        "BINANCE_SECRET_KEY": twin.secret,
        "TRADING_SYMBOLS": "BTCUSDC,ETHUSDC",
        "API_TOKEN": TOKEN,
    }
    with services(NAMES, environment_of(settings, **extra), tmp_path) as started:
        yield started


def problem_of(client: httpx.Client, call: BadCall) -> str:
    """What is wrong with the answer of a call; empty when nothing is."""
    try:
        answer = client.request(call.method, call.path, content=call.content, headers=AUTHORIZED | call.headers)
    except httpx.TimeoutException:
        return "no answer"
    except (httpx.InvalidURL, httpx.LocalProtocolError):
        return ""  # cannot be sent
    except httpx.HTTPError as error:
        return f"the connection broke: {type(error).__name__}"
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.text[:200]}"
    if answer.status_code >= 400 and call.method != "HEAD":
        try:
            content: Any = json.loads(answer.content)
        except ValueError:
            return f"{answer.status_code} without a reason in JSON: {answer.text[:100]}"
        if not isinstance(content, dict) or not content.get("detail"):
            return f"{answer.status_code} without a reason: {answer.text[:100]}"
    return ""


def test_bad_input_is_refused_with_the_reason_on_every_route(running: dict[str, ServiceProcess]) -> None:
    problems: list[str] = []
    for name, process in running.items():
        with httpx.Client(base_url=process.url, timeout=ANSWER_S_MAX, trust_env=False) as client:
            calls = 0
            for call in bad_calls(client.get("/openapi.json").json()):
                if call.path.startswith(NOT_ASKED):
                    continue
                calls += 1
                if problem := problem_of(client, call):
                    sent = (call.content or b"")[:60]
                    problems.append(f"{name} {call.method} {call.path[:80]} {sent!r} -> {problem}")
            assert calls > 50, name
            assert client.get("/openapi.json").is_success
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems[:400])
