"""The compiled loop on one strategy, warm and in a fresh process, and over many parameters.

    python -m tests.bench.bench_ema_cross FILE [--threads 2]

FILE: Parquet with columns open and close, a million bars. Processor time, the best of several runs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np

from backtester.kernels.ema_cross import Prices, ema_cross, ema_crosses

MODULE = "tests.bench.bench_ema_cross"
PAIRS = list(combinations(range(5, 65, 4), 2))  # 105


def columns(file: Path) -> tuple[Prices, Prices]:
    from pyarrow import parquet

    table = parquet.read_table(file, columns=["open", "close"])
    opens, closes = (np.ascontiguousarray(table[name].to_numpy(), dtype=np.float64) for name in ("open", "close"))
    return opens, closes


def best(run: Callable[[], object], times: int) -> float:
    """Seconds of processor."""
    found = []
    for _ in range(times):
        began = time.process_time()
        run()
        found.append(time.process_time() - began)
    return min(found)


def fresh(opens: Prices, closes: Prices) -> str:
    """A process of its own that imports, reads two columns and runs once."""
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file.name, np.stack([opens, closes]))
        command = [sys.executable, "-m", MODULE, "--once", file.name]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def peak_mb() -> float:
    """Of this process alone: what getrusage says begins with what its parent had."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def once(file: str) -> None:
    opens, closes = np.load(file)
    found = ema_cross(opens, closes)
    print(f"{time.process_time():.2f} s of processor, {peak_mb():.0f} MB, {found.trades} trades, {found.equity:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        once(str(options.file))
        return
    opens, closes = columns(options.file)
    warm = best(lambda: ema_cross(opens, closes), 25)
    print(f"{len(opens)} bars warm: {1000 * warm:.2f} ms, {len(opens) / warm / 1e6:.0f} M bars/s")
    print(f"fresh process: {fresh(opens, closes)}")
    few = opens[:100_000], closes[:100_000]
    print(f"105 pairs x 100k bars: {best(lambda: ema_crosses(*few, PAIRS, threads=options.threads), 3):.3f} s")
    thousand = [(2 + number % 40, 50 + number // 4) for number in range(1_000)]
    began = time.perf_counter()
    taken = best(lambda: ema_crosses(opens, closes, thousand, threads=options.threads), 1)
    wall = time.perf_counter() - began
    print(f"1,000 sets x {len(opens)} bars: {taken:.2f} s, wall {wall:.2f} s, peak {peak_mb():.0f} MB")


if __name__ == "__main__":
    main()
