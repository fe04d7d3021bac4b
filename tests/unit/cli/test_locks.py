"""The lock files install anywhere: complete, hashed, and from whichever registry is configured."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cli.data_folder import PROJECT_ROOT

PYTHON_LOCKS = ("requirements.lock", "requirements-embedded.lock", "requirements-dev.lock")


@pytest.mark.parametrize("name", PYTHON_LOCKS)
def test_every_python_package_is_pinned_and_hashed_and_no_registry_is_named(name: str) -> None:
    text = (PROJECT_ROOT / name).read_text()
    packages = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert all("==" in package and "--hash=sha256:" in package for package in packages)
    assert "://" not in text
    assert "index-url" not in text


def test_the_larger_lock_files_hold_the_versions_of_the_smaller() -> None:
    def versions(name: str) -> set[str]:
        return set(re.findall(r"^([a-z0-9._\[\]-]+==[^\s;\\]+)", (PROJECT_ROOT / name).read_text(), re.MULTILINE))

    runtime, embedded, dev = (versions(name) for name in PYTHON_LOCKS)
    assert runtime <= embedded <= dev


def test_the_dashboards_lock_file_holds_the_optional_packages_of_every_platform() -> None:
    lock = Path(PROJECT_ROOT / "visualization" / "frontend" / "package-lock.json")
    packages = json.loads(lock.read_text())["packages"]
    wanted = {
        f"node_modules/{name}" for package in packages.values() for name in package.get("optionalDependencies", {})
    }
    assert wanted <= set(packages)
    assert not [name for name, package in packages.items() if "resolved" in package]
