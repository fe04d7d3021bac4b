"""docs/fault-matrix.md holds: a part of it is measured again, and every fault has its place."""

from __future__ import annotations

import pytest

from simulator.api.faults.catalogue import CATALOGUE
from tests.faults.matrix import FAULTS, PAGE, FaultCase, Stage, measured

# What the simulated exchange has no call of its own for.
ELSEWHERE = {"late_acceptance", "http_5xx_unknown", "malformed_answer", "maintenance", "stream_reorder", "stream_stall"}
AGAIN = [
    ("answer_lost", Stage.ENTRY),
    ("timeout_1007", Stage.PROTECTION),
    ("request_lost", Stage.PROTECTION),
    ("ban_418", Stage.PROTECTION),
    ("request_lost", Stage.PARTIAL),
    ("stream_drop", Stage.PARTIAL),
    ("reject_protection_leg", Stage.PARTIAL),
    ("price_gap", Stage.HELD),
    ("clock_skew_1021", Stage.SALE),
]
CASES = {fault.name: fault for fault in FAULTS}


# By how much today's seconds may be over the page's: the time of a call or two. Fewer are no reason to fail.
NEAR_S = 0.1


def written(name: str, stage: Stage) -> tuple[float, str]:
    """(unprotected seconds, position) as the page has them."""
    title = f"## {stage.value[0].upper()}{stage.value[1:]}\n"
    section = PAGE.read_text().split(title)[1].split("\n## ")[0]
    line = next(line for line in section.splitlines() if line.startswith(f"| `{name}` |"))
    _, _, seconds, position, *_ = (cell.strip() for cell in line.split("|"))
    return float(seconds), position


def test_every_fault_of_the_twin_is_measured_or_named_as_one_that_is_not() -> None:
    assert {fault.name for fault in FAULTS} | ELSEWHERE == set(CATALOGUE)


@pytest.mark.parametrize(("name", "stage"), AGAIN)
def test_nothing_is_unprotected_for_longer_than_the_page_says(name: str, stage: Stage) -> None:
    outcome = measured(CASES[name], stage)
    assert outcome is not None
    seconds, position = written(name, stage)
    again = "run python -m tests.faults.matrix"
    assert outcome.position == position, again
    assert outcome.unprotected_s <= seconds + NEAR_S, again


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.of_calls], ids=lambda fault: fault.name)
def test_a_fault_of_calls_hits_nobody_while_nothing_is_sent(fault: FaultCase) -> None:
    assert measured(fault, Stage.HELD) is None
