"""The crash matrix, short: some points of every service. All of them: ``make chaos``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.matrix import SERVICES, crash_matrix, sampled
from tests.chaos.points import Point, points_of, written

SAMPLE = 7


@pytest.mark.integration
def test_whoever_is_killed_wherever_nothing_is_lost(tmp_path: Path) -> None:
    matrix = crash_matrix(tmp_path, sample=SAMPLE, seed=1, tell=print)
    assert matrix.violations == []
    assert len(matrix.points) > 300, "points are found, not written down"
    assert {point.service for point in matrix.points} == set(SERVICES)
    assert sum(run.reached for run in matrix.runs) >= SAMPLE - 1, "the processes die where they are told to"


def test_a_statement_is_known_by_what_it_writes() -> None:
    assert written("INSERT INTO orders (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2") == "insert orders"
    assert written("WITH x AS (DELETE FROM a RETURNING *) UPDATE b SET c = 1") == "delete a, update b"
    assert written("SELECT * FROM pockets ORDER BY name FOR UPDATE") == ""


def test_a_point_reads_back_as_it_is_written() -> None:
    point = Point("trader", "exchange POST order", 2, "after")
    assert Point.parse(str(point)) == point
    for nonsense in ("trader", "trader|x|1|during", "trader|x|one|after"):
        with pytest.raises(ValueError, match=r"."):
            Point.parse(nonsense)


def test_a_sample_has_points_of_every_service_and_is_the_same_again() -> None:
    points = [point for name in SERVICES for point in points_of(name, {f"{name} call": 10}, most=0)]
    chosen = sampled(points, 10, seed=3)
    assert {point.service for point in chosen} == set(SERVICES)
    assert chosen == sampled(points, 10, seed=3)
    assert sampled(points, 0, seed=3) == points
