"""The account as an entry is judged on it: one meaning of capital, of exposure and of what is under way.

Every sum is in the asset of valuation (QUOTE_ASSET); amounts in another quote asset are converted at its last price.

- **Capital** is what the account holds of the asset of valuation plus the cost of the open positions that were paid in
  it: the sum that the pockets divide. What is held of it as the coin of a position is that position, no capital. Cost,
  not market value: a limit must not grow with a position's own paper profit, nor change between two ticks.
- **Exposure** is what is at stake in one asset, through whichever symbols it is bought: the cost of what is held of it,
  what its resting entries may still spend, what is reserved for entries that have no cycle yet, and what purchases
  that were placed elsewhere may still spend. A strategy's exposure is the same sum over what it asked for.
- What cannot be converted is not known, and an entry that depends on it is refused: a limit that cannot be measured
  counts as reached.

Both gates judge on this view: the coordinator before it reserves, the trader before it sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from core.capital.pockets import Pocket, availability
from core.capital.valuation import rate
from core.positions.model import Cycle, Order
from core.risk.clusters import Closes, cluster_of
from core.risk.fees import FeeModel
from core.risk.protections import EndedTrade
from shared.src.domain.clock import to_ms
from shared.src.domain.errors import ContractError
from shared.src.domain.money import ONE, ZERO
from shared.src.domain.symbols import split_symbol


@dataclass(frozen=True, slots=True)
class OpenCycle:
    """A cycle that has not ended. Money in units of the symbol's ``quote``, an empty one where it is not known.

    ``cost``: paid for what is still held, ``held`` base units. ``resting``: what its open entry orders may still spend.
    ``is_owners``: no signal closes it.
    """

    cycle_id: str
    intent_id: str
    symbol: str
    base: str
    quote: str
    created_ms: int
    cost: Decimal = ZERO
    resting: Decimal = ZERO
    strategy: str = ""
    held: Decimal = ZERO
    is_owners: bool = False

    @classmethod
    def of(cls, cycle: Cycle, entries: Iterable[Order], quote_asset: str) -> OpenCycle:
        """A cycle as it is kept; ``entries``: all its orders that buy or bought, among those of other cycles."""
        base, quote = assets_of(cycle.symbol, quote_asset)
        own = [order for order in entries if order.cycle_id == cycle.id]
        held = Purchase(
            quantity=cycle.quantity,
            sold=cycle.exit_quantity,
            entry_price=cycle.entry_price or ZERO,
            bought=sum((order.executed_quantity for order in own), ZERO),
            spent=sum((order.executed_quote for order in own), ZERO),
        )
        return cls(
            cycle_id=cycle.id,
            intent_id=cycle.intent_id,
            symbol=cycle.symbol,
            base=base,
            quote=quote,
            created_ms=to_ms(cycle.created_at),
            cost=held.cost,
            resting=still_to_spend(cycle, own),
            strategy=cycle.strategy,
            held=max(ZERO, cycle.quantity - cycle.exit_quantity),
            is_owners=cycle.is_owners,
        )


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a cycle bought and sold, as it knows itself (``quantity``, ``entry_price``) and as the orders of its entry
    say (``bought`` base units for ``spent`` quote units).

    A fill is written into its order first and into the cycle a moment later. In between the purchase neither rests
    nor belongs to the position; the larger of the two accounts is what is at stake.
    """

    quantity: Decimal
    sold: Decimal
    entry_price: Decimal
    bought: Decimal
    spent: Decimal

    @property
    def cost(self) -> Decimal:
        """Quote units paid for what is still held."""
        known = max(ZERO, self.quantity - self.sold) * self.entry_price
        if self.bought <= 0:
            return known
        return max(known, self.spent * max(ZERO, self.bought - self.sold) / self.bought)


@dataclass(frozen=True, slots=True)
class PendingEntry:
    """An entry that was approved and has no cycle yet; ``reserved`` in units of the asset of valuation."""

    intent_id: str
    symbol: str
    base: str
    reserved: Decimal
    strategy: str = ""


@dataclass(frozen=True, slots=True)
class OutsideBuy:
    """A purchase that was placed elsewhere on the account; ``resting``: what it may still spend, ``quote`` units."""

    base: str
    quote: str
    resting: Decimal

    @classmethod
    def of(cls, order: Order, quote_asset: str) -> OutsideBuy:
        base, quote = assets_of(order.symbol, quote_asset)
        return cls(base, quote, resting_cost([order], None))


@dataclass(frozen=True, slots=True)
class Losses:
    """What the loss limits are measured on. ``day_result`` in units of valuation; percents are never negative.

    ``unknown``: why they cannot be told, empty when they can.
    """

    day_result: Decimal = ZERO
    day_percent: Decimal = ZERO
    drawdown_percent: Decimal = ZERO
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class AccountView:
    """What is open, what is under way, what is free and what is forbidden, at one moment. Make it with ``of``.

    ``pockets``: what may be reserved from each, empty to whom pockets are not told. ``free``: units of each asset that
    an order can use, None to whom balances are not told. ``pauses`` and ``halts``: reasons by scope (``all``, a symbol,
    a strategy). ``rates``: units of valuation for one unit of a quote asset; one that is missing has no known price.
    ``outside``: purchases that rest on the exchange and belong to no cycle. ``ended``: trades as far back as the
    protections ask. ``closes``: recent minutes by symbol, where a limit of what moves together asks. ``fees``: what
    trades in a symbol cost the account, as far as that is known.
    """

    now_ms: int
    quote: str
    capital: Decimal
    cycles: tuple[OpenCycle, ...]
    pending: tuple[PendingEntry, ...]
    pockets: Mapping[str, Decimal]
    free: Mapping[str, Decimal] | None
    pauses: Mapping[str, str]
    losses: Losses
    entries_last_minute: int
    rates: Mapping[str, Decimal]
    outside: tuple[OutsideBuy, ...] = ()
    halts: Mapping[str, str] = field(default_factory=dict)
    ended: tuple[EndedTrade, ...] = ()
    closes: Mapping[str, Closes] = field(default_factory=dict)
    fees: Mapping[str, FeeModel] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *,
        now: datetime,
        quote: str,
        capital: Decimal,
        cycles: Iterable[OpenCycle] = (),
        pending: Iterable[PendingEntry] = (),
        pockets: Iterable[Pocket] = (),
        free: Mapping[str, Decimal] | None = None,
        pauses: Mapping[str, str] | None = None,
        losses: Losses | None = None,
        entries_last_minute: int = 0,
        rates: Mapping[str, Decimal] | None = None,
        outside: Iterable[OutsideBuy] = (),
        halts: Mapping[str, str] | None = None,
        ended: Iterable[EndedTrade] = (),
        fees: Mapping[str, FeeModel] | None = None,
    ) -> AccountView:
        """The view that follows from facts; ``rates`` of other quote assets, as far as they are known.

        An entry that is told as pending and has its cycle already counts once, as the cycle.
        """
        known = tuple(cycles)
        begun = {cycle.intent_id for cycle in known}
        return cls(
            now_ms=to_ms(now),
            quote=quote,
            capital=capital,
            cycles=known,
            pending=tuple(entry for entry in pending if entry.intent_id not in begun),
            pockets=availability(pockets),
            free=free,
            pauses=pauses or {},
            losses=losses or Losses(),
            entries_last_minute=entries_last_minute,
            rates={quote: ONE, **(rates or {})},
            outside=tuple(outside),
            halts=halts or {},
            ended=tuple(ended),
            fees=fees or {},
        )

    def without(self, intent_id: str) -> AccountView:
        """The account without this intent's own cycle and reservation: an entry is not measured against itself."""
        return replace(
            self,
            cycles=tuple(cycle for cycle in self.cycles if cycle.intent_id != intent_id),
            pending=tuple(entry for entry in self.pending if entry.intent_id != intent_id),
        )

    def with_entry(self, entry: PendingEntry, pocket: str) -> AccountView:
        """The account after an entry was approved from a pocket."""
        free = self.pockets.get(pocket, ZERO) - entry.reserved
        return replace(self, pending=(*self.pending, entry), pockets={**self.pockets, pocket: free})

    def exposure(self, base: str) -> Decimal | None:
        """What is at stake in an asset; None when a part of it cannot be converted."""
        return self._at_stake(
            [(cycle.quote, cycle.cost + cycle.resting) for cycle in self.cycles if cycle.base == base]
            + [(order.quote, order.resting) for order in self.outside if order.base == base],
            (entry for entry in self.pending if entry.base == base),
        )

    def exposure_of_strategy(self, strategy: str) -> Decimal | None:
        """What is at stake for a strategy; None when a part of it cannot be converted."""
        return self._at_stake(
            [(cycle.quote, cycle.cost + cycle.resting) for cycle in self.cycles if cycle.strategy == strategy],
            (entry for entry in self.pending if entry.strategy == strategy),
        )

    @property
    def symbols(self) -> frozenset[str]:
        """The symbols in which something is at stake."""
        return frozenset({cycle.symbol for cycle in self.cycles} | {entry.symbol for entry in self.pending})

    def exposure_of_cluster(self, symbol: str, *, threshold: float) -> Decimal | None:
        """What is at stake in the symbols that move with this one; None when a part of it cannot be converted."""
        cluster = cluster_of(symbol, self.symbols, self.closes, threshold=threshold)
        return self._at_stake(
            [(cycle.quote, cycle.cost + cycle.resting) for cycle in self.cycles if cycle.symbol in cluster],
            (entry for entry in self.pending if entry.symbol in cluster),
        )

    def large_positions(self, share_percent: Decimal) -> dict[str, Decimal]:
        """The coins with more than so many percent of the capital at stake, each with its share, as far as known."""
        shares = {}
        for base in sorted({cycle.base for cycle in self.cycles}):
            stake = self.exposure(base)
            if stake is not None and self.capital > 0 and stake * 100 > self.capital * share_percent:
                shares[base] = 100 * stake / self.capital
        return shares

    def _at_stake(self, amounts: Iterable[tuple[str, Decimal]], pending: Iterable[PendingEntry]) -> Decimal | None:
        """The sum of amounts, each in its quote asset, and of what is reserved."""
        total = sum((entry.reserved for entry in pending), ZERO)
        for quote, amount in amounts:
            price = self.rates.get(quote)
            if price is None:
                return None
            total += amount * price
        return total


def capital_of(held: Decimal, cycles: Iterable[OpenCycle], quote_asset: str) -> Decimal:
    """The capital of an account that holds ``held`` units of the asset of valuation, free and locked.

    Less capital allows less: a position that was paid in another asset adds nothing.
    """
    known = tuple(cycles)
    paid = sum((cycle.cost for cycle in known if cycle.quote == quote_asset), ZERO)
    return held + paid - sum((cycle.held for cycle in known if cycle.base == quote_asset), ZERO)


def rates_of(assets: Iterable[str], quote: str, prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Units of ``quote`` for one unit of each asset whose price is known."""
    found = {asset: rate(asset, quote, prices) for asset in (quote, *assets)}
    return {asset: price for asset, price in found.items() if price is not None}


def assets_of(symbol: str, quote: str) -> tuple[str, str]:
    """(base, quote) of a symbol; the symbol itself and nothing where no known quote asset ends it."""
    try:
        return split_symbol(symbol, quote_first=quote)
    except ContractError:
        return symbol, ""


def still_to_spend(cycle: Cycle, entries: Iterable[Order]) -> Decimal:
    """What the entry of a cycle may still spend, quote units; ``entries``: its orders that buy or bought."""
    own = tuple(entries)
    resting = resting_cost(own, cycle.reference_price)
    spent = sum((order.executed_quote for order in own), ZERO)
    return max(resting, cycle.reserved - spent) if cycle.entering else resting


def resting_cost(entries: Iterable[Order], reference_price: Decimal | None) -> Decimal:
    """What entry orders may still spend, quote units; one without a price is taken at what it was decided at."""
    live = (order for order in entries if not order.is_done)
    prices = ((order.remaining, order.price or order.stop_price or reference_price or ZERO) for order in live)
    return sum((quantity * price for quantity, price in prices), ZERO)
