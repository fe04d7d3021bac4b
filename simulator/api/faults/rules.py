"""Faults in force, seeded so that a bad day can be had again.

A rule hits a request or a message when its match fits and its dice say so: ``probability`` for each chance, or the next
``count`` chances. Faults of the market (halt, gap, filters, liquidity) act when they are set and end when they are
removed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Literal

from simulator.api.faults.catalogue import CATALOGUE, FaultKind, check_params
from simulator.api.state import Fault

StreamKind = Literal["drop", "duplicate", "reorder", "delay", "disconnect"]


@dataclass(frozen=True, slots=True)
class StreamFault:
    """What happens to one message."""

    kind: StreamKind
    delay_s: float = 0.0


@dataclass(slots=True)
class FaultRule:
    """A fault that was set. ``remaining`` None means: by probability."""

    rule_id: int
    kind: FaultKind
    probability: float
    remaining: int | None
    match: Mapping[str, str]
    seed: int
    params: Mapping[str, Any]
    random: Random
    hits: int = 0
    undo: Callable[[], None] | None = None

    def view(self) -> dict[str, Any]:
        """The rule as GET /faults shows it."""
        return {
            "id": self.rule_id,
            "fault": self.kind.name,
            "probability": self.probability if self.remaining is None else None,
            "count": self.remaining,
            "hits": self.hits,
            "match": dict(self.match),
            "seed": self.seed,
            "params": dict(self.params),
        }

    def fits(self, endpoint: str, symbol: str | None, account: str | None) -> bool:
        """True if the rule's match allows this request or message."""
        wanted = self.match.get("symbol")
        if wanted is not None and wanted != symbol:
            return False
        owner = self.match.get("account")
        if owner is not None and owner != account:
            return False
        pattern = self.match.get("endpoint")
        if pattern is None:
            return any(fnmatchcase(endpoint, allowed) for allowed in self.kind.endpoints)
        return fnmatchcase(endpoint, pattern) or fnmatchcase(endpoint.partition(" ")[2], pattern)

    def strikes(self) -> bool:
        """Throw the dice; counts a hit."""
        if self.remaining is not None:
            if self.remaining <= 0:
                return False
            self.remaining -= 1
        elif self.random.random() >= self.probability:
            return False
        self.hits += 1
        return True


Apply = Callable[[FaultRule], Callable[[], None] | None]


def _nothing(rule: FaultRule) -> None:
    return None


class Faults:
    """The rules in force. ``act`` carries out market and connection faults and returns what undoes them."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._rules: dict[int, FaultRule] = {}
        self._next_id = 1
        self.act: Apply = _nothing
        self.touches_streams = False

    def add(self, body: Mapping[str, Any]) -> FaultRule:
        """Set a fault as the control API is asked for it. Raises ValueError for what makes no sense."""
        name = str(body.get("fault", ""))
        kind = CATALOGUE.get(name)
        if kind is None:
            raise ValueError(f"no fault {name!r}; there are {', '.join(CATALOGUE)}")
        count, probability = body.get("count"), body.get("probability")
        if count is not None and probability is not None:
            raise ValueError("give a probability or a count, not both")
        if probability is not None and not 0 <= float(probability) <= 1:
            raise ValueError("probability lies between 0 and 1")
        if count is not None and int(count) < 1:
            raise ValueError("count is at least 1")
        unknown = set(body.get("match") or {}) - {"endpoint", "symbol", "account"}
        if unknown:
            raise ValueError(f"match knows endpoint, symbol and account, not {', '.join(sorted(unknown))}")
        check_params(kind, body.get("params") or {})
        seed = int(body.get("seed") or self._seed + self._next_id)
        rule = FaultRule(
            self._next_id,
            kind,
            1.0 if probability is None else float(probability),
            None if count is None else int(count),
            {key: str(value) for key, value in (body.get("match") or {}).items() if value},
            seed,
            {**kind.params, **(body.get("params") or {})},
            Random(seed),
        )
        rule.undo = self.act(rule)
        self._next_id += 1
        if kind.scope != "connection" or rule.remaining:
            self._rules[rule.rule_id] = rule
        self._note()
        return rule

    def remove(self, *, rule_id: int | None = None, name: str | None = None) -> int:
        """Lift one fault by id, all of a name, or all; returns how many."""
        gone = [
            rule
            for rule in self._rules.values()
            if (rule_id is None or rule.rule_id == rule_id) and (name is None or rule.kind.name == name)
        ]
        for rule in gone:
            del self._rules[rule.rule_id]
            if rule.undo is not None:
                rule.undo()
        self._note()
        return len(gone)

    def forget(self) -> None:
        """Drop every rule without undoing anything: what they acted on is gone."""
        self._rules.clear()
        self._note()

    def view(self) -> list[dict[str, Any]]:
        return [rule.view() for rule in self._rules.values()]

    async def request(self, endpoint: str, symbol: str | None, account: str | None) -> Fault | None:
        """What happens to a request; None for most."""
        for rule in list(self._rules.values()):
            if rule.kind.scope == "request" and rule.fits(endpoint, symbol, account) and rule.strikes():
                self._spend(rule)
                return Fault(rule.kind.effect, rule.params)
        return None

    def stream(self, name: str, symbol: str | None, account: str | None) -> StreamFault | None:
        """What happens to a message of the stream ``name`` ("user" for user data)."""
        for rule in list(self._rules.values()):
            in_scope = rule.kind.scope in ("stream", "connection")
            if in_scope and rule.fits(name, symbol, account) and rule.strikes():
                self._spend(rule)
                delay_s = float(rule.params.get("ms", 0)) / 1000
                return StreamFault(rule.kind.effect, delay_s)  # type: ignore[arg-type]
        return None

    def _spend(self, rule: FaultRule) -> None:
        if rule.remaining == 0:
            self._rules.pop(rule.rule_id, None)
            self._note()

    def _note(self) -> None:
        self.touches_streams = any(rule.kind.scope in ("stream", "connection") for rule in self._rules.values())
