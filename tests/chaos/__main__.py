"""The crash matrix on real processes: every point of the order path, a kill -9 at each, judged by the auditor.

    python -m tests.chaos                                    every point (some 400, about 40 minutes)
    python -m tests.chaos --sample 40 --seed 3               some of each service
    python -m tests.chaos --point 'trader|exchange POST order|1|after'
    python -m tests.chaos --list                             only find the points

Progress goes to stderr, the result to stdout as JSON; exit code 1 when a rule was broken.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.chaos.matrix import Matrix, crash_matrix, find_points, world
from tests.chaos.platform import end_in_order
from tests.chaos.points import Point


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--point", type=Point.parse, action="append", default=[], help="only this point; repeatable")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="N points, shared out among the services")
    parser.add_argument("--seed", type=int, default=0, help="which points --sample takes")
    parser.add_argument("--most", type=int, default=0, metavar="N", help="of each call the first N times only")
    parser.add_argument("--list", action="store_true", help="find the points and name them")
    parser.add_argument("--keep", type=Path, help="an empty folder that keeps logs and everything else")
    options = parser.parse_args()
    end_in_order()
    with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
        folder = options.keep or Path(temporary)
        if options.list:
            matrix = Matrix()
            with world(folder / "world") as found:
                find_points(found, options.most, matrix)
            print("\n".join(str(point) for point in matrix.points))
            return 0
        matrix = crash_matrix(
            folder, points=options.point, most=options.most, sample=options.sample, seed=options.seed, tell=tell
        )
    print(json.dumps(matrix.summary(), indent=1))
    for run in matrix.runs:
        if run.violations and run.point is not None:
            tell(f"again: python -m tests.chaos --point '{run.point}'")
    return 1 if matrix.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
