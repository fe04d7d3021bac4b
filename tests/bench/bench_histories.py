"""Random histories of the matching engine, as many as one likes, with every invariant checked after every command.

Run: python -m tests.bench.bench_histories [--histories N] [--seed S]
The first that breaks is printed as hex, to be played again with History(WORLDS[name], bytes.fromhex(...)).run().
"""

from __future__ import annotations

import argparse
import json
from random import Random
from time import process_time

from tests.unit.simulator.engine.histories import History
from tests.unit.simulator.engine.test_conservation import WORLDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random, names = Random(options.seed), list(WORLDS)
    trades = 0
    start = process_time()
    for index in range(options.histories):
        name = names[index % len(names)]
        data = random.randbytes(random.randrange(50, 600))
        history = History(WORLDS[name], data)
        try:
            history.run()
        except Exception:
            print(f"{name}: {data.hex()}")
            raise
        trades += history.trades
    spent = process_time() - start
    figures = {"histories": options.histories, "trades": trades, "histories_per_s": round(options.histories / spent)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
