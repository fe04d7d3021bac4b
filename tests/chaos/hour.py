"""Every service at real speed on a twin with faults on, an operator who trades beside it, and kill -9 now and then.

    python -m tests.chaos.hour --minutes 60 --seed 7 [--symbols 10] [--votes-every 3] [--kill-every 60]

The twin's market is synthetic and as fast as the clock. The strategies decide on it; because minutes are long, votes of
a script are added on the way that theirs take. The auditor judges several times a second; at the end, which SIGTERM
brings about too, everything works again, is sold and settled, and the last rules are judged. Progress on stderr, the
result as JSON; exit code 1 when a rule was broken.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from shared.src.config import SERVICES
from shared.src.domain.orders import Side
from simulator.market.symbols import DEFAULT_PROFILES
from tests.chaos.faults import BadMoment, bad_moments
from tests.chaos.operator import QUOTE, OperatorScript
from tests.chaos.platform import Platform, end_in_order, running

LOOK_EVERY_S = 0.25
PROGRESS_S = 30.0
SETTLE_S_MAX = 150.0
PAUSED_S_MAX = 20.0  # the operator's pauses are shorter, unless the call that lifted one found a dead service
KILLED = (
    "trader",
    "portfolio",
    "coordinator",
    "signal_aggregator",
    "gateway",
    "dispatcher",
    "analyzer",
    "market_analyzer",
)


class Troubles:
    """Faults of the exchange and kills, as they come due."""

    def __init__(self, platform: Platform, symbols: tuple[str, ...], seed: int, kill_every_s: float) -> None:
        self._platform = platform
        self._moments = bad_moments(seed, symbols)
        self._random = Random(seed + 1)
        self._kill_every_s = kill_every_s
        self._next, quiet_s = next(self._moments)
        self._begin_s = platform.now_s + quiet_s
        self._running: tuple[BadMoment, float] | None = None
        self._kill_s = platform.now_s + kill_every_s
        self.thrown: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()

    def look(self) -> None:
        """Begin and end what is due; tell the auditor what keeps anybody from working."""
        now_s = self._platform.now_s
        if self._running is not None:
            moment, until_s = self._running
            self._note(moment, now_s)
            if now_s >= until_s:
                self.end()
        elif now_s >= self._begin_s:
            self._begin(now_s)
        if now_s >= self._kill_s:
            self._kill_s = now_s + self._random.uniform(0.5, 1.5) * self._kill_every_s
            name = self._random.choices(KILLED, (4, 3, 3, 1, 1, 1, 1, 1))[0]
            self._platform.supervisor.kill(name)
            self.kills[name] += 1

    def _begin(self, now_s: float) -> None:
        moment = self._next
        self._platform.twin.do("POST", "/faults", moment.fault)
        self._platform.exchange.refresh_filters()
        self.thrown[moment.name] += 1
        self._running = (moment, now_s + moment.seconds)
        if moment.trouble == "banned":
            self._platform.conditions.banned_since_s = now_s
        self._note(moment, now_s)

    def end(self) -> None:
        """Whatever is wrong with the exchange ends."""
        if self._running is None:
            return
        self._note(self._running[0], self._platform.now_s)
        self._platform.twin.do("DELETE", "/faults")
        self._platform.exchange.refresh_filters()
        self._running = None
        self._next, quiet_s = next(self._moments)
        self._begin_s = self._platform.now_s + quiet_s

    def _note(self, moment: BadMoment, now_s: float) -> None:
        conditions = self._platform.conditions
        match moment.trouble:
            case "lost":
                conditions.lost_s = now_s
            case "deaf":
                conditions.deaf_s = now_s
            case "banned":
                conditions.banned_s = now_s + moment.lasting_s
            case "market":
                pass  # the auditor sees it in the listing


class Voices:
    """Strategies that agree now and then, more often than real ones: twice to buy for each time to sell."""

    def __init__(self, platform: Platform, symbols: tuple[str, ...], seed: int, every_s: float) -> None:
        self._platform, self._symbols, self._every_s = platform, symbols, every_s
        self._random = Random(seed + 2)
        self._next_s = platform.now_s + every_s
        self.count = 0

    def look(self) -> None:
        if self._platform.now_s < self._next_s:
            return
        self._next_s = self._platform.now_s + self._random.uniform(0.5, 1.5) * self._every_s
        side = self._random.choice((Side.BUY, Side.BUY, Side.SELL))
        stop = self._random.choice((0.4, 0.7, 1.2))
        symbol = self._random.choice(self._symbols)
        if self._platform.last[0].listings[symbol].status == "TRADING":
            self._platform.votes(symbol, side, stop_percent=str(stop), target_percent=str(stop * 2))
            self.count += 1


class Hour:
    """One run; ``play``, then ``settle``, then ``report``."""

    def __init__(self, platform: Platform, symbols: tuple[str, ...], options: argparse.Namespace) -> None:
        self.platform = platform
        self.troubles = Troubles(platform, symbols, options.seed, options.kill_every)
        self.voices = Voices(platform, symbols, options.seed, options.votes_every)
        self.operator = OperatorScript(platform, symbols, options.seed + 3)
        self._random = Random(options.seed + 4)
        self._operate_every_s = options.operate_every
        self._seconds = options.minutes * 60
        self.problems: list[str] = []
        self._halts: set[str] = set()
        self._lifted_s = 0.0
        self.is_ended = threading.Event()

    def play(self) -> None:
        end_s, told_s, operate_s = self.platform.now_s + self._seconds, 0.0, self.platform.now_s + 5
        while (now_s := self.platform.now_s) < end_s and not self.is_ended.is_set():
            self._look()
            self.troubles.look()
            self.voices.look()
            if now_s >= operate_s:
                operate_s = now_s + self._random.uniform(0.4, 1.6) * self._operate_every_s
                self.operator.act()
            if now_s - told_s > PROGRESS_S:
                told_s = now_s
                _tell(f"{(end_s - now_s) / 60:.1f} min left: {json.dumps(self._brief())}")
            time.sleep(LOOK_EVERY_S)

    def _look(self) -> None:
        before = len(self.platform.auditor.violations)
        self.platform.look()
        self.operator.look()
        for violation in self.platform.auditor.violations[before:]:
            _tell(f"{violation.at_s:.1f} s: {violation.rule}: {violation.text}")
        self._lift()

    def _lift(self) -> None:
        """What stops entries and nobody stops any more. A halt that a person must lift is told: everything that
        happens here can be explained.
        """
        halted = self.platform.last[1].halted
        if halted and halted not in self._halts:
            self._halts.add(halted)
            self.problems.append(f"{self.platform.now_s:.1f} s: halted: {halted}")
            _tell(self.problems[-1])
        now_s = self.platform.now_s
        for scope, since_s in self.platform.last[1].pauses.items():
            if now_s - since_s > PAUSED_S_MAX and now_s - self._lifted_s > PAUSED_S_MAX:
                self._lifted_s = now_s
                self.operator.resume(scope)

    def settle(self) -> None:
        """Nothing goes wrong any more; everything is resumed, sold and booked."""
        self.troubles.end()
        self.operator.finish()
        end_s = self.platform.now_s + SETTLE_S_MAX
        closed_s = 0.0
        while self.platform.now_s < end_s:
            self._look()
            if self.platform.now_s - closed_s > 10:
                closed_s = self.platform.now_s
                self._close_everything()
            exchange, books = self.platform.last
            is_flat = not any(cycle.is_open for cycle in books.cycles)
            if is_flat and self.platform.auditor.is_settled(exchange, books):
                break
            time.sleep(LOOK_EVERY_S)
        exchange, books = self.platform.read()
        self.platform.auditor.close(exchange, books)
        orphans = self.platform.books.orphans(exchange)
        left = [f"{cycle.cycle_id} {cycle.status} {cycle.symbol}" for cycle in books.cycles if cycle.is_open]
        self.problems += [f"left open at the end: {text}" for text in left]
        self.problems += [f"booked and never happened: {text}" for text in orphans]

    def _close_everything(self) -> None:
        platform = self.platform
        if any(platform.supervisor.is_down(name) for name in ("trader", "portfolio")):
            return
        for scope in platform.last[1].pauses:
            platform.ask("trader", "POST", "/config/resume", {} if scope == "all" else {"symbol": scope})
        for cycle in platform.last[1].cycles:
            if cycle.is_open:
                platform.ask("trader", "POST", f"/close/{cycle.cycle_id}")
        for order in platform.last[0].orders:
            if order.is_open and order.side == "BUY" and not order.by_hand:
                platform.ask("trader", "DELETE", f"/order/{order.client_id}")

    def _starved_percent(self) -> float:
        """How much of the time the machine was too busy to be judged by seconds."""
        return round(100 * self.platform.pulse.starved / max(1, self.platform.pulse.looks), 1)

    def _brief(self) -> dict[str, Any]:
        exchange, books = self.platform.last
        return {
            "orders": len(exchange.orders),
            "trades": len(exchange.trades),
            "open": sum(cycle.is_open for cycle in books.cycles),
            "faults": self.troubles.thrown.total(),
            "kills": self.troubles.kills.total(),
            "by_operator": self.operator.actions.total(),
            "violations": len(self.platform.auditor.violations),
            "starved_percent": self._starved_percent(),
        }

    def report(self) -> dict[str, Any]:
        """What was played, and what came of it."""
        exchange, books = self.platform.last
        auditor, rows = self.platform.auditor, self.platform.rows
        decisions = rows("SELECT kind, approved, count(*) AS n FROM decisions GROUP BY kind, approved")
        mine = [order for order in exchange.orders if not order.by_hand]
        ours = {order.order_id for order in mine}
        violations = [f"{each.at_s:.1f} s: {each.rule}: {each.text}" for each in auditor.violations]
        return {
            "stack": self.platform.source,
            "seconds": round(self.platform.now_s),
            "looks": self.platform.looks,
            "starved_percent": self._starved_percent(),
            "decisions": {
                f"{row['kind']} {'approved' if row['approved'] else 'refused'}": row["n"] for row in decisions
            },
            "votes_by_script": self.voices.count,
            "orders": len(mine),
            "fills": sum(trade.order_id in ours for trade in exchange.trades),
            "orders_by_hand": len(exchange.orders) - len(mine),
            "cycles": dict(Counter(cycle.status for cycle in books.cycles)),
            "exit_reasons": dict(Counter(cycle.exit_reason for cycle in books.cycles)),
            "faults": dict(self.troubles.thrown),
            "operator": dict(self.operator.actions),
            "operator_refused": dict(self.operator.refused.most_common(12)),
            "kills": dict(self.troubles.kills),
            "restarts": self.platform.supervisor.restarts,
            "unprotected_s": {
                "longest_undisturbed": round(auditor.protection.longest_s, 2),
                "longest": round(auditor.protection.worst_s, 2),
            },
            "violations": violations + self.operator.broken + self.problems,
        }


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--symbols", type=int, default=10)
    parser.add_argument("--votes-every", type=float, default=3.0, help="seconds between votes of the script")
    parser.add_argument("--operate-every", type=float, default=4.0, help="seconds between actions of the operator")
    parser.add_argument("--kill-every", type=float, default=60.0, help="seconds between kills")
    parser.add_argument("--keep", type=Path, help="an empty folder that keeps logs and everything else")
    options = parser.parse_args()
    end_in_order()
    profiles = DEFAULT_PROFILES[: options.symbols]
    fixture = {
        "seed": options.seed,
        "clock": {"mode": "real"},
        "market": {"kind": "synthetic", "history_minutes": 3000},
        "symbols": [
            {"symbol": each.symbol, "base": each.base, "quote": each.quote, "last_price": str(each.price)}
            for each in profiles
        ],
        "accounts": [{"name": "owner", "balances": {QUOTE: "20000"}}],
        "limits": {"weight_1m": 60_000},
    }
    symbols = tuple(each.symbol for each in profiles)
    with tempfile.TemporaryDirectory(prefix="hour-") as temporary:
        folder = options.keep or Path(temporary)
        with running(folder, SERVICES, fixture, symbols=symbols, variables={}, restart_s=1.0) as platform:
            hour = Hour(platform, symbols, options)
            with closing(hour.operator):
                signal.signal(signal.SIGTERM, lambda *_: hour.is_ended.set())
                hour.play()
                end_in_order()
                hour.settle()
                report = hour.report()
    print(json.dumps(report, indent=1))
    return 1 if report["violations"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
