"""The pages' own checks: strict types and the unit tests of the browser side, with the Node the build uses."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cli.setup import dashboard_build
from cli.setup.dashboard_types import CODEGEN


@pytest.mark.parametrize("script", ["check", "test"])
def test_the_pages_pass_their_own_checks(built_pages: None, script: str) -> None:
    npm = dashboard_build.npm_command()
    path = f"{Path(npm[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [*npm, "run", script],
        cwd=dashboard_build.FRONTEND,
        env=os.environ | {"PATH": path, "CI": "1", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_are_those_of_the_services_document() -> None:
    dashboard_build.install(CODEGEN, say=lambda _: None)
    dashboard_build.run_script("check", CODEGEN)
