"""What a statement answered, and the statement as the driver wants it."""

from __future__ import annotations

from collections import namedtuple

import pytest

from shared.src.domain.errors import InvariantError
from shared.src.rows import Rows
from shared.src.sql import text

Row = namedtuple("Row", ("symbol", "price"))
NAMES = ("symbol", "price")
TWO: Rows[Row] = Rows([Row("BTCUSDC", 1), Row("ETHUSDC", 2)], NAMES, changed=2)
NONE: Rows[Row] = Rows([], NAMES, changed=0)


@pytest.mark.parametrize(
    ("statement", "driver"),
    [
        ("SELECT :id", "SELECT %(id)s"),
        ("SELECT :id::text, ':x'::jsonb", "SELECT %(id)s::text, '%(x)s'::jsonb"),
        ("SELECT d::date FROM t WHERE a = ANY(:ids)", "SELECT d::date FROM t WHERE a = ANY(%(ids)s)"),
        ("SELECT 'HH24\\:MI', 5 % 2 WHERE x LIKE '%a'", "SELECT 'HH24:MI', 5 %% 2 WHERE x LIKE '%%a'"),
    ],
)
def test_a_statement_names_its_parameters_as_the_driver_does(statement: str, driver: str) -> None:
    assert text(statement) == driver


def test_rows_are_read_by_field_by_name_and_by_their_first_column() -> None:
    assert [row.price for row in TWO] == [1, 2]
    assert TWO.mappings().all() == [{"symbol": "BTCUSDC", "price": 1}, {"symbol": "ETHUSDC", "price": 2}]
    assert TWO.scalars().all() == ["BTCUSDC", "ETHUSDC"]
    assert TWO.scalar() == "BTCUSDC"
    assert TWO.rowcount == 2


def test_no_row_is_none_where_one_may_be_missing() -> None:
    assert NONE.one_or_none() is None
    assert NONE.scalar() is None
    assert NONE.scalar_one_or_none() is None
    assert NONE.all() == []


def test_one_row_is_neither_none_nor_two() -> None:
    for rows in (TWO, NONE):
        with pytest.raises(InvariantError, match="one row was expected"):
            rows.one()
        with pytest.raises(InvariantError, match="one row was expected"):
            rows.scalar_one()
    with pytest.raises(InvariantError, match="not 2"):
        TWO.one_or_none()
