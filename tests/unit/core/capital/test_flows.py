"""What moved outside of trades gets the name that the balances allow; together the flows are the gaps."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.capital.flows import RecordedFlow, confirmed, flows_of, without
from core.capital.ledger import Flow, LedgerAccount, PostingKind, flow_posting, totals
from core.capital.valuation import underlying
from shared.memory.manual_clock import ManualClock

AT = ManualClock().now()


def named(**gaps: str) -> list[tuple[str, set[str]]]:
    return [(flow.kind.value, set(flow.moves)) for flow in flows_of({a: Decimal(g) for a, g in gaps.items()})]


@pytest.mark.parametrize(
    ("gaps", "flows"),
    [
        ({"USDC": "50"}, [("deposit", {"USDC"})]),
        ({"USDC": "50", "BTC": "1"}, [("deposit", {"USDC"}), ("deposit", {"BTC"})]),
        ({"USDC": "-50"}, [("withdrawal", {"USDC"})]),
        ({"USDC": "-50", "EUR": "45"}, [("convert", {"USDC", "EUR"})]),
        ({"USDC": "-50", "BNB": "0.1"}, [("convert", {"USDC", "BNB"})]),
        ({"ADA": "-1", "XRP": "-2", "BNB": "0.01"}, [("dust", {"ADA", "XRP", "BNB"})]),
        ({"USDC": "-50", "LDUSDC": "50"}, [("earn", {"USDC", "LDUSDC"})]),
        ({"USDC": "50.02", "LDUSDC": "-50"}, [("earn", {"USDC", "LDUSDC"})]),
        ({"USDC": "-50", "LDUSDC": "50", "BTC": "1"}, [("earn", {"USDC", "LDUSDC"}), ("deposit", {"BTC"})]),
        ({"USDC": "-0.5", "LDUSDC": "0.5"}, [("earn", {"USDC", "LDUSDC"})]),
        ({"LDUSDC": "0.01"}, [("reward", {"LDUSDC"})]),
        ({"LDUSDC": "-0.01"}, [("withdrawal", {"LDUSDC"})]),
        ({"LDO": "3"}, [("deposit", {"LDO"})]),
        ({}, []),
    ],
)
def test_flows_by_what_the_balances_show(gaps: dict[str, str], flows: list[tuple[str, set[str]]]) -> None:
    assert named(**gaps) == flows


def test_a_receipt_of_earn_stands_for_its_asset_and_lido_stands_for_itself() -> None:
    assert (underlying("LDUSDC"), underlying("LDO"), underlying("USDC")) == ("USDC", None, None)


assets = st.sampled_from(["USDC", "LDUSDC", "BTC", "BNB", "ADA", "LDO", "LDBTC"])
amounts = st.decimals(min_value=-100, max_value=100, places=8).filter(bool)


@given(gaps=st.dictionaries(assets, amounts))
def test_flows_are_the_gaps_and_no_more_and_their_postings_balance(gaps: dict[str, Decimal]) -> None:
    moved: dict[str, Decimal] = {}
    for number, flow in enumerate(flows_of(gaps)):
        assert flow.kind not in {PostingKind.FILL, PostingKind.OPENING, PostingKind.ADJUSTMENT}
        lines = flow_posting(f"p-{number}", flow, AT, "test").lines
        for asset, amount in totals(line for line in lines if line.account is LedgerAccount.EXCHANGE).items():
            moved[asset] = moved.get(asset, Decimal(0)) + amount
    assert moved == gaps


def recorded(number: int, **moves: str) -> RecordedFlow:
    kind = PostingKind.CONVERT if len(moves) > 1 else PostingKind.DEPOSIT
    flow = Flow(kind, {asset: Decimal(amount) for asset, amount in moves.items()})
    return RecordedFlow(str(number), flow, datetime(2026, 1, 1, 0, number, tzinfo=UTC))


@pytest.mark.parametrize(
    ("gaps", "records", "taken", "rest"),
    [
        ({"USDC": "700"}, [{"USDC": "500"}, {"USDC": "200"}], [0, 1], {}),
        ({"USDC": "700"}, [{"USDC": "500"}], [0], {"USDC": "200"}),
        ({"USDC": "300"}, [{"USDC": "500"}], [], {"USDC": "300"}),
        ({"USDC": "-300"}, [{"USDC": "300"}], [], {"USDC": "-300"}),
        ({"BTC": "1", "USDC": "-50"}, [{"BTC": "1", "USDC": "-50"}], [0], {}),
        ({"BTC": "1"}, [{"BTC": "1", "USDC": "-50"}], [], {"BTC": "1"}),
        ({}, [{"USDC": "500"}], [], {}),
    ],
)
def test_a_recorded_flow_is_taken_when_the_gaps_show_it(
    gaps: dict[str, str], records: list[dict[str, str]], taken: list[int], rest: dict[str, str]
) -> None:
    found = {asset: Decimal(amount) for asset, amount in gaps.items()}
    confirmed_flows = confirmed(found, [recorded(number, **moves) for number, moves in enumerate(records)])
    assert [int(each.number) for each in confirmed_flows] == taken
    left = without(found, [each.flow for each in confirmed_flows])
    assert left == {asset: Decimal(amount) for asset, amount in rest.items()}
