"""A command reads the environment; here it is always the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def no_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own .env takes no part."""
    monkeypatch.setenv("ROOTTRADING_ENV_FILE", str(tmp_path / "none.env"))
