"""Runs what failed in the last test run once more, alone, on a machine that is quiet again.

A few tests put whole processes on a real clock; a machine that stands still for seconds can fail one of them without
saying anything about the code. Such a test gets one second look, and is named at the end as unsteady, which is a defect
to look into. No second look for more than three failures, nor for tests without processes: those fail the build.

    python .ci/again.py UNSTEADY_FILE
"""

import json
import subprocess
import sys
from pathlib import Path

FAILURES = Path(".pytest_cache/v/cache/lastfailed")
WITH_PROCESSES = (
    "tests/integration/",
    "tests/e2e/",
    "tests/browser/",
    "tests/contract/",
    "tests/outside/",
    "tests/chaos/",
)
FAILURES_MAX = 3


def main() -> int:
    failed = sorted(json.loads(FAILURES.read_text())) if FAILURES.exists() else []
    if not failed or len(failed) > FAILURES_MAX or not all(name.startswith(WITH_PROCESSES) for name in failed):
        sys.stdout.write(f"no second look: {len(failed)} failed\n")
        return 1
    sys.stdout.write("\n  ".join(["a second look at", *failed]) + "\n")
    sys.stdout.flush()
    code = subprocess.run([sys.executable, "-m", "pytest", *failed], check=False).returncode
    if code == 0:
        with Path(sys.argv[1]).open("a") as unsteady:
            unsteady.writelines(f"{name}\n" for name in failed)
    return code


if __name__ == "__main__":
    sys.exit(main())
