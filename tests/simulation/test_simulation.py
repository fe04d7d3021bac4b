"""A short run of the simulation, in the suite: what holds today holds in every story."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.simulation import actions as do
from tests.simulation.adversary import Story, story_of
from tests.simulation.mends import KINDS, MENDS, Mend
from tests.simulation.play import play
from tests.simulation.shrink import shrunk
from tests.simulation.stories import STORIES

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BITCOIN = "BTCUSDC"
# Rules that no story breaks. `make simulation` judges by all of them.
HOLDING = frozenset(
    {"alive", "alone", "booked once", "conserved", "own coins only", "protected", "simulation", "stop as decided"}
)


@pytest.mark.parametrize("seed", range(24))
def test_what_holds_today_holds_in_every_story(seed: int) -> None:
    broken = [violation for violation in play(story_of(seed)).violations if violation.rule in HOLDING]
    assert not broken, f"python -m tests.simulation --seed {seed}"


@pytest.mark.parametrize("name", STORIES)
def test_a_story_that_broke_a_rule_once_breaks_none_any_more(name: str) -> None:
    assert not play(STORIES[name]).violations, f"python -m tests.simulation --story {name!r}"


def test_a_day_without_trouble_breaks_no_rule() -> None:
    bought = do.Enter(BITCOIN, Decimal(1), Decimal(2), 5.0)
    story = Story({}, (bought, do.Move(BITCOIN, Decimal("0.5"), 3.0), do.Leave(BITCOIN, 3.0)))
    played = play(story)
    assert (played.trades, played.violations) == (2, ())


def test_a_seed_is_played_the_same_way_each_time() -> None:
    assert play(story_of(3)) == play(story_of(3))


def test_a_seed_is_played_the_same_way_in_every_process() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seed", "7", "--keep", ",".join(map(str, range(20)))]
    told = {
        subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            check=False,  # the story breaks a rule, or it does not
        ).stdout
        for seed in ("0", "1")
    }
    assert len(told) == 1
    assert b"Enter" in told.pop()


@pytest.mark.parametrize("mend", MENDS, ids=lambda mend: f"{mend.kind}, {mend.name}")
def test_a_mend_can_be_taken_out(mend: Mend) -> None:
    for replacement in mend.replacements:
        assert (ROOT / replacement.path).read_text(encoding="utf-8").count(replacement.mended) == 1, replacement.path
    assert not mend.test or (ROOT / mend.test).is_file()


def test_each_kind_has_a_mend_to_take_out() -> None:
    assert {mend.kind for mend in MENDS} == set(KINDS)


def test_a_story_is_shrunk_to_what_it_needs() -> None:
    assert shrunk(range(40), lambda kept: {3, 17, 31} <= set(kept)) == (3, 17, 31)
    assert shrunk(range(5), lambda kept: True) == (4,)


def test_the_auditor_shares_no_code_with_what_it_judges() -> None:
    for path in (HERE / "facts.py", *sorted((HERE / "audit").glob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                own = name == "tests.simulation.facts" or name.startswith("tests.simulation.audit.")
                standard = name.split(".")[0] in {"__future__", "collections", "dataclasses", "decimal"}
                assert own or standard, f"{path.name} imports {name}"
