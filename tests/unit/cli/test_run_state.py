"""Which run a data folder knows of."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil

from cli.data_folder import DataFolder
from cli.process.child import created_at
from cli.run import run_state


def known(folder: Path, pid: int) -> DataFolder:
    """A data folder that knows of a run by this supervisor."""
    data = DataFolder(folder)
    data.create()
    data.run_file.parent.mkdir(parents=True, exist_ok=True)
    data.run_file.write_text(json.dumps({"pid": pid, "created": created_at(pid), "kind": "platform"}))
    return data


def test_a_supervisor_that_has_ended_and_was_not_waited_for_runs_nothing(tmp_path: Path) -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    data = known(tmp_path, supervisor.pid)
    found = run_state.find(data)
    assert found is not None
    assert found.pid == supervisor.pid
    assert supervisor.stdin is not None
    supervisor.stdin.close()
    while psutil.Process(supervisor.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert run_state.find(data) is None
    supervisor.wait()
