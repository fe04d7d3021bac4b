"""A twin behind TLS: a certificate made on the spot, which a client trusts once it is told to and not before."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import websockets

from simulator.certificate import CertificateFiles, make_certificate
from tests.integration.simulator.conftest import PROJECT_ROOT, STILL, TOKEN, RunningTwin, running_twin


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def secure(folder: Path) -> Iterator[RunningTwin]:
    with running_twin(folder, "--tls", str(folder), fixture=STILL) as twin:
        yield twin


@pytest.fixture
def trusting(folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "twin-certificate.pem"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def test_every_address_is_of_the_secure_kind(secure: RunningTwin) -> None:
    addresses = (secure.rest, secure.control, secure.streams, secure.ws_api)
    assert [address.split(":")[0] for address in addresses] == ["https", "https", "wss", "wss"]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_rest_and_both_kinds_of_sockets_work_for_who_trusts_the_certificate(
    secure: RunningTwin, trusting: ssl.SSLContext, name: str
) -> None:
    async with httpx.AsyncClient(verify=trusting, trust_env=False) as client:
        answer = await client.get(f"{secure.rest.replace('127.0.0.1', name)}/api/v3/ping")
    assert (answer.status_code, answer.json()) == (200, {})
    async with asyncio.timeout(30):
        streams = f"{secure.streams.replace('127.0.0.1', name)}/ws/btcusdt@bookTicker"
        async with websockets.connect(streams, ssl=trusting, proxy=None) as socket:
            await socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}))
            assert json.loads(await socket.recv()) == {"result": ["btcusdt@bookTicker"], "id": 1}
        async with websockets.connect(secure.ws_api, ssl=trusting, proxy=None) as socket:
            await socket.send(json.dumps({"method": "ping", "id": 1}))
            assert json.loads(await socket.recv())["status"] == 200


def test_nobody_else_trusts_it(secure: RunningTwin) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{secure.rest}/api/v3/ping", trust_env=False)


@pytest.mark.parametrize("library", ["requests", "httpx"])
def test_what_the_twin_says_makes_a_library_trust_it(secure: RunningTwin, folder: Path, library: str) -> None:
    files = CertificateFiles(folder / "twin-certificate.pem", folder / "twin-key.pem")
    trust = dict(pair.split("=", 1) for pair in files.trust.split())
    program = f"import {library}; print({library}.get('{secure.rest}/api/v3/ping').json())"
    command = [sys.executable, "-W", "ignore", "-c", program]
    environment = os.environ | trust | {"NO_PROXY": "127.0.0.1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "{}\n", done.stderr


@pytest.mark.parametrize("proxy", [{}, {"HTTPS_PROXY": "http://127.0.0.1:9"}], ids=["no proxy", "a proxy that is away"])
def test_the_command_line_reaches_a_control_door_behind_tls(
    secure: RunningTwin, folder: Path, proxy: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "cli.main", "simulator", "market", "audit", "--json", "--url", secure.control]
    environment = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"} | proxy
    environment |= {"SSL_CERT_FILE": str(folder / "twin-certificate.pem"), "SIMULATOR_CONTROL_TOKEN": TOKEN}
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True


def test_the_key_is_its_owner_s_alone(tmp_path: Path) -> None:
    files = make_certificate(tmp_path / "new", "127.0.0.1")
    assert files.key.stat().st_mode & 0o777 == 0o600
    before = files.certificate.read_bytes()
    assert make_certificate(tmp_path / "new", "127.0.0.1").certificate.read_bytes() != before
