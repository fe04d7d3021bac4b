"""Mends of the money path, each with what would stand there without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Replacement:
    """``mended`` stands once in the file at ``path``."""

    path: str
    mended: str
    broken: str


@dataclass(frozen=True, slots=True)
class Mend:
    """``test``: the node of the test that has to find that it is gone; empty: the simulation has to."""

    kind: int
    name: str
    replacements: tuple[Replacement, ...]
    test: str = ""


KINDS: Final[dict[int, str]] = {
    1: "a partly filled target leaves the rest without a stop",
    2: "a position is called dust and forgotten",
    3: "an exit takes the protection off and cannot sell",
    4: "a trailing stop is wider than the one decided",
    5: "a market order pays more than was set aside",
    6: "a lost entry is sent again in spite of a pause",
    7: "what the operator sells by hand is not understood",
    8: "an intent that was refused and comes again ends the process",
    9: "two traders act on one account",
    10: "one odd row ends the process",
    11: "positions are opened by who sees nothing",
    12: "the price jumps over a stop and nothing sells",
    13: "amounts in another quote asset are added as they are",
    14: "a missed trade is never found",
    15: "limits do not count what rests",
    16: "secrets leave with an error",
    17: "rules of one lost symbol hold up the others",
    18: "books that are right halt trading",
    19: "one idempotency key stands for two orders",
    20: "the books cost more with every fill",
    21: "a position is opened that cannot be protected",
}
MENDS: Final[tuple[Mend, ...]] = (
    Mend(
        1,
        "a target covers nothing",
        (
            Replacement(
                "core/positions/cycle_steps.py",
                "uncovered = rules.floor_quantity(held - covered(standing), market=True)",
                "uncovered = rules.floor_quantity(held - locked(standing), market=True)",
            ),
        ),
    ),
    Mend(
        2,
        "what cost more than the smallest order is no dust",
        (
            Replacement(
                "core/positions/dust.py",
                "    return position.held * min(paid, cycle.reference_price or paid) <= most\n",
                "    return most >= 0\n",
            ),
        ),
    ),
    Mend(
        3,
        "the protection goes in the call that sells",
        (
            Replacement(
                "core/positions/cycle_steps.py",
                "return Cancel(item.leg) if item.is_filling else ReplaceBySale(item.leg, quantity)\n",
                "return Cancel(item.leg)\n",
            ),
        ),
    ),
    Mend(
        4,
        "a trailing stop waits until it stands no lower than the decided one",
        (
            Replacement(
                "core/positions/stops.py",
                "    return StopLevel(level, bips if trails else None)\n",
                "    return StopLevel(level, bips)\n",
            ),
        ),
    ),
    Mend(
        5,
        "an entry at market is sent with the most that it may pay",
        (
            Replacement(
                "core/positions/entries.py",
                "    kind = BOUNDED.get(decision.type, decision.type)\n"
                "    price = approved.price_max if decision.type in BOUNDED else decision.price\n",
                "    kind = decision.type\n    price = None if decision.type in BOUNDED else decision.price\n",
            ),
            Replacement("core/risk/order_gate.py", "        if thin:\n", "        if not asks:\n"),
        ),
    ),
    Mend(
        6,
        "an entry is sent again under the pauses of now",
        (
            Replacement(
                "trader/src/risk_manager.py",
                "        return await self._judged(order)\n\n    async def judge_further(",
                "        return await self._judged(order, paused=False)\n\n    async def judge_further(",
            ),
            Replacement(
                "trader/src/risk_manager.py",
                "    async def _judged(self, order: EntryOrder)",
                "    async def _judged(self, order: EntryOrder, *, paused: bool = True)",
            ),
            Replacement(
                "trader/src/risk_manager.py",
                "        view = await self.view(rules, own=order.candidate.intent_id)\n",
                "        view = await self.view(rules, own=order.candidate.intent_id)\n"
                "        view = view if paused else replace(view, pauses={})\n",
            ),
        ),
    ),
    Mend(
        7,
        "a sale by hand is one of the position that it sold",
        (
            Replacement(
                "trader/src/order_manager.py",
                "        parts = await self._sold_by(order) if order.side is Side.SELL else []\n",
                "        parts = await self._sold_by(order) if order.side is Side.BUY else []\n",
            ),
            Replacement(
                "core/positions/by_hand.py",
                "        parts = _shared(order, meant) if order.executed_quantity and rest > 0 else []\n",
                "        parts = _shared(order, meant) if rest < 0 else []\n",
            ),
        ),
    ),
    Mend(
        8,
        "a refused intent that comes again stays refused",
        (
            Replacement(
                "trader/src/execution/intent_handler.py",
                "            if await self._store.order(entry.client_order_id) is None:\n"
                '                return Taken(refused=f"{cycle.intent_id} was refused before")\n',
                "",
            ),
        ),
    ),
    Mend(
        9,
        "a trader begins when it has the lease of its account",
        (
            Replacement(
                "trader/src/one_trader.py",
                "            await self._begun.wait()\n            await task()\n",
                "            await task()\n",
            ),
            Replacement(
                "trader/src/adapters/memory_lease.py",
                "        if self._table.holder is not self:\n",
                "        if self._table.holder is None:\n",
            ),
        ),
    ),
    Mend(
        10,
        "what cannot be handled is set aside",
        (
            Replacement(
                "trader/src/execution/quarantine.py", "        except ODD as error:\n", "        except () as error:\n"
            ),
        ),
    ),
    Mend(
        11,
        "who sees nothing opens nothing",
        (
            Replacement(
                "trader/src/execution/outlook.py",
                "        return blind_refusal(ago, hears=self._exchange.hears)\n",
                '        return ""\n',
            ),
        ),
    ),
    Mend(
        12,
        "a stop sells in a gap, and the exchange is asked for a price when ticks are away",
        (
            Replacement(
                "core/positions/protection.py",
                "    if order.type.value in rules.order_types:\n        return replace(order, stop_price=trigger)\n",
                "",
            ),
            Replacement(
                "trader/src/adapters/tick_prices.py",
                "        except (TransientError, TimeoutError) as error:\n",
                "        except TimeoutError as error:\n",
            ),
        ),
    ),
    Mend(
        13,
        "results are valued in one asset",
        (
            Replacement(
                "core/statistics/conversion.py",
                "    price = ONE if quote_of(result.symbol, valued_in) == valued_in else None if known is None else"
                " known.rate\n",
                "    price = ONE\n",
            ),
        ),
        test="tests/unit/core/statistics/test_conversion.py",
    ),
    Mend(
        14,
        "trades are compared from where the last comparison came to",
        (
            Replacement(
                "trader/src/execution/trade_comparison.py",
                "        position, unbooked = cursor.compared_to, set[int]()\n",
                "        position = max((cursor.compared_to, *await self._store.booked_trades(symbol, range(1000))))\n"
                "        unbooked = set[int]()\n",
            ),
        ),
    ),
    Mend(
        15,
        "what rests counts as exposure",
        (
            Replacement(
                "core/risk/account.py",
                "[(cycle.quote, cycle.cost + cycle.resting) for cycle in self.cycles if cycle.base == base]",
                "[(cycle.quote, cycle.cost) for cycle in self.cycles if cycle.base == base]",
            ),
        ),
    ),
    Mend(
        16,
        "a redirect is not followed with the key",
        (
            Replacement(
                "shared/src/exchange/client.py",
                'REQUESTS = {"allow_redirects": False}',
                'REQUESTS = {"allow_redirects": True}',
            ),
        ),
        test="tests/unit/shared/exchange/test_secrets.py",
    ),
    Mend(
        17,
        "a name that the exchange does not have is left out",
        (
            Replacement(
                "shared/src/exchange/listing.py",
                "        if error.code not in {NO_SUCH_SYMBOL, ILLEGAL_NAME}:\n            raise\n",
                "        if error.code:\n            raise\n",
            ),
        ),
    ),
    Mend(
        18,
        "what moved in both directions without a trade is a flow",
        (
            Replacement(
                "portfolio/src/binance_account_manager.py",
                "        if self.state.explained:\n",
                "        if self.state.explained or min(gaps.values()) < 0 < max(gaps.values()):\n",
            ),
        ),
    ),
    Mend(
        19,
        "a key belongs to one call",
        (
            Replacement(
                "shared/memory/answers.py",
                "                if self._calls[place] != call:\n"
                "                    raise of_another_call(call, self._calls[place].route)\n",
                "",
            ),
        ),
        test="tests/unit/shared/memory/test_answers.py",
    ),
    Mend(
        20,
        "balances are kept running",
        (
            Replacement(
                "portfolio/src/adapters/postgres_ledger.py",
                "SELECT asset, amount FROM ledger_totals WHERE account = :account AND amount <> 0",
                "SELECT asset, sum(amount) AS amount FROM ledger_lines WHERE account = :account GROUP BY asset",
            ),
        ),
        test="tests/integration/portfolio/test_growth.py",
    ),
    Mend(
        21,
        "nothing is bought where no further stop may stand",
        (
            Replacement(
                "core/risk/order_gate.py",
                "            yield room_refusal(quantity, rules, standing, waits=order.trigger is not None)\n",
                '            yield ""\n',
            ),
        ),
    ),
)
