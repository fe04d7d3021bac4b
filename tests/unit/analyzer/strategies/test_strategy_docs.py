"""docs/strategies.md lists every strategy with its family and its parameters as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.src.parameters import parameters_of
from analyzer.src.strategy_loader import LoadedStrategy, StrategyLoader

TEXT = (Path(__file__).resolve().parents[4] / "docs" / "strategies.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip("`"): cells
    for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines())
    if len(cells) == 4 and cells[0].startswith("`")
}
STRATEGIES = [loaded for loaded in StrategyLoader().load().loaded if loaded.family != "monitor"]


def test_every_strategy_is_listed_and_no_other() -> None:
    assert set(ROWS) == {loaded.name for loaded in STRATEGIES}


@pytest.mark.parametrize("loaded", STRATEGIES, ids=lambda loaded: loaded.name)
def test_a_strategy_is_listed_with_its_family_parameters_and_counts(loaded: LoadedStrategy) -> None:
    _, family, what, parameters = ROWS[loaded.name]
    assert family == loaded.family
    assert len(what) > 20
    expected = [f"`{one.name}` {one.default:g} ({one.low:g}..{one.high:g})" for one in parameters_of(loaded)]
    assert parameters == ("; ".join(expected) or "none")
    assert f"| {loaded.name} | " in TEXT
