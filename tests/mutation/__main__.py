"""Mutation testing of the code that handles orders, risk, pockets and the ledger.

    python -m tests.mutation                                 every module of it
    python -m tests.mutation core/risk/sizing.py             these files only
    python -m tests.mutation --json mutation.json

Prints the survivors and the score of each module; those that change nothing that anybody could see are named in
``equivalent.txt`` and not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.run import Findings, MutationPlugin

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("core/positions", "core/risk", "core/capital")
FILES = (
    "trader/src/order_manager.py",
    "trader/src/cycle_manager.py",
    "trader/src/risk_manager.py",
    "trader/src/execution/intent_handler.py",
    "portfolio/src/bookkeeper.py",
    "portfolio/src/pockets.py",
)
# Which tests are asked about the code of a package: its own.
TESTS = {
    "core": ("tests/unit/core",),
    "trader": ("tests/unit/trader", "tests/behaviour/trader"),
    "portfolio": ("tests/unit/portfolio", "tests/behaviour/portfolio"),
}
EQUIVALENT = Path(__file__).with_name("equivalent.txt")


def equivalents() -> set[str]:
    """Mutants that change nothing, by name; lines that begin with # say why."""
    lines = EQUIVALENT.read_text().splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


def scores(findings: Findings) -> dict[str, dict[str, Any]]:
    """By module: killed, survived, untested, and what share was killed."""
    table: dict[str, Counter[str]] = {}
    for name in ("killed", "survived", "untested"):
        for mutant in getattr(findings, name):
            table.setdefault(mutant.path, Counter())[name] += 1
    return {
        path: dict(counts) | {"score": round(100 * counts["killed"] / counts.total(), 1)}
        for path, counts in sorted(table.items())
    }


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="modules to mutate [those of orders and money]")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--json", type=Path, help="write scores and survivors there")
    options = parser.parse_args()
    os.environ["CI"] = "true"  # hypothesis plays the same examples every time
    chosen = options.files or [*(path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.py"))), *FILES]
    known, findings = equivalents(), Findings()
    for package, tests in TESTS.items():
        files = [path for path in chosen if (ROOT / path).is_relative_to(ROOT / package)]
        mutants = [each for path in files for each in mutants_of(ROOT / path, ROOT) if each.name not in known]
        if mutants:
            findings.add(_judged(mutants, tests, seconds=60 * options.minutes - findings.seconds))
    return _report(findings, options.json)


def _judged(mutants: Sequence[Mutant], tests: Sequence[str], *, seconds: float) -> Findings:
    """What these tests say of these mutants."""
    plugin = MutationPlugin(mutants, ROOT, _tell, seconds=seconds)
    quiet = ["-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:terminal", "-m", "not integration"]
    pytest.main([*quiet, "--rootdir", str(ROOT), *(str(ROOT / path) for path in tests)], plugins=[plugin])
    return plugin.findings


def _report(findings: Findings, file: Path | None) -> int:
    table = scores(findings)
    for path, row in table.items():
        print(f"{path:<45} {row['score']:>5} %  {row.get('killed', 0)} killed, {row.get('survived', 0)} survived, "
              f"{row.get('untested', 0)} in functions without a test")  # fmt: skip
    survivors: list[Mutant] = findings.survived + findings.untested
    total = len(findings.killed) + len(survivors)
    share = 100 * len(findings.killed) / total if total else 0.0
    print(f"{len(findings.killed)} of {total} mutants killed, {share:.1f} %, in {findings.seconds:.0f} s")
    if file is not None:
        told = {"score": share, "modules": table, "survivors": [str(each) for each in survivors]}
        file.write_text(json.dumps(told, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
