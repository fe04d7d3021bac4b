"""Where the folders of a stack may stand: below one that only root may enter, and with any character in their names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from cli.process.identity import Identity, run_as
from cli.stack.redis import quoted

NOBODY = 65_534
LOOK = "import os, sys; print(os.access(sys.argv[1], os.R_OK), os.geteuid())"


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root on Linux becomes somebody else")
@pytest.mark.parametrize("passes", [True, False])
def test_below_a_folder_of_root_a_program_finds_its_files_only_with_the_capability(
    tmp_path: Path, passes: bool
) -> None:
    """PostgreSQL looks for its programs by access(2), which asks without capabilities unless told otherwise."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    file = closed / "program"
    file.touch()
    done = run_as(
        Identity(NOBODY, NOBODY, passes_folders=passes),
        ["/usr/bin/env", "-u", "PYTHONHOME", "/usr/bin/python3", "-c", LOOK, str(file)],
        cwd=Path("/"),
    )
    assert (done.stdout, done.stderr) == (f"{passes} {NOBODY}\n", "")


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root on Linux becomes somebody else")
def test_the_one_capability_is_all_that_is_kept(tmp_path: Path) -> None:
    done = run_as(Identity(NOBODY, NOBODY, passes_folders=True), ["/bin/cat", "/proc/self/status"], cwd=Path("/"))
    kept = dict(line.split(":", 1) for line in done.stdout.splitlines())
    assert {int(kept[name].strip(), 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {2}


@pytest.mark.parametrize(
    ("name", "shown"), [("plain", '"/x/plain"'), ('a "b"', '"/x/a \\"b\\""'), ("back\\slash", '"/x/back\\\\slash"')]
)
def test_a_folder_of_any_name_can_be_told_to_redis(name: str, shown: str) -> None:
    assert quoted(Path("/x") / name) == shown
