"""docs/simulator.md is true: its programs run against a twin, its fixture is accepted, its table of faults is whole."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from simulator.api.faults.catalogue import CATALOGUE, FaultKind
from tests.integration.simulator.conftest import PROJECT_ROOT, RunningTwin

TEXT = (PROJECT_ROOT / "docs" / "simulator.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
SEEN = {"binance": "FILLED", "ccxt.pro": "closed", "binance_sdk_spot": "FILLED"}


def library_of(program: str) -> str:
    return next(name for name in ("binance_sdk_spot", "ccxt.pro", "binance") if name in program)


def parameters(kind: FaultKind) -> str:
    return " ".join(f"`{name}={json.dumps(value)}`" for name, value in kind.params.items() if name != "msg")


def test_every_client_named_in_the_page_has_a_program() -> None:
    assert {library_of(program) for program in PROGRAMS} == set(SEEN)


@pytest.mark.parametrize("program", PROGRAMS, ids=library_of)
def test_a_program_of_the_page_trades(program: str, lively: RunningTwin) -> None:
    environment = os.environ | {"TWIN": lively.rest, "KEY": lively.key, "SECRET": lively.secret}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(SEEN[library_of(program)]), done.stdout


def test_the_fixture_of_the_page_is_accepted(lively: RunningTwin) -> None:
    [fixture] = re.findall(r"```json\n(.*?)```", TEXT, flags=re.DOTALL)
    lively.reset(json.loads(fixture))
    assert [account["name"] for account in lively.accounts] == ["alice"]
    assert lively.get("/api/v3/ticker/bookTicker", symbol="BTCUSDT")["bidPrice"] == "49999.99000000"


def test_the_table_of_faults_is_the_catalogue() -> None:
    rows = [f"| `{kind.name}` | {kind.help} | {parameters(kind)} |" for kind in CATALOGUE.values()]
    expected = "\n".join(["| fault | what happens | parameters |", "|---|---|---|", *rows])
    table = TEXT.split("<!-- faults: begin -->")[1].split("<!-- faults: end -->")[0].strip()
    assert table == expected, f"put this between the markers of docs/simulator.md:\n{expected}"
