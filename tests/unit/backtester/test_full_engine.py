from __future__ import annotations

import os
import subprocess
import sys

import orjson
import pytest

MODULE = "tests.unit.backtester.one_run"


def journal_of(*, hash_seed: str, seed: int = 1) -> bytes:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.run(
        [sys.executable, "-m", MODULE, str(seed)], env=environment, capture_output=True, check=True, timeout=280
    ).stdout


@pytest.fixture(scope="module")
def first() -> bytes:
    return journal_of(hash_seed="0")


def test_a_run_decides_orders_and_books(first: bytes) -> None:
    tables = [orjson.loads(line)["table"] for line in first.splitlines()]
    assert {"consensus", "decisions", "orders", "cycles", "ledger"} <= set(tables)


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_the_same_tape_gives_the_same_bytes_whatever_the_hashes(first: bytes, hash_seed: str) -> None:
    assert journal_of(hash_seed=hash_seed) == first


def test_another_seed_gives_another_run(first: bytes) -> None:
    assert journal_of(hash_seed="0", seed=2) != first
