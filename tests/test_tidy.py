"""House rules as tests: what keeps the tree the one that docs/architecture.md describes."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from shared.src.config import SERVICES, Settings

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (*SERVICES, "backtester", "core", "shared", "simulator", "cli", "database")
SOURCES = sorted(
    path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts
)
MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
MAIN_LINES_MAX = 60


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_modules_and_functions_fit_a_head(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MODULE_LINES_MAX
    too_long = [
        f"{node.name} has {size} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (size := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not too_long


@pytest.mark.parametrize("service", SERVICES)
def test_a_main_is_a_table_of_contents(service: str) -> None:
    assert (ROOT / service / "src" / "main.py").read_text(encoding="utf-8").count("\n") < MAIN_LINES_MAX


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name == "__init__.py"], ids=relative)
def test_packages_do_nothing_on_import(path: Path) -> None:
    assert path.read_text(encoding="utf-8").strip() == ""


@pytest.mark.parametrize("service", SERVICES)
def test_sql_is_written_in_adapters_only(service: str) -> None:
    writers = [
        relative(path)
        for path in (ROOT / service / "src").rglob("*.py")
        if "adapters" not in path.parts
        and re.search(r"^\s*(from|import) (sqlalchemy|psycopg)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert not writers


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_a_page(service: str) -> None:
    page = (ROOT / service / "README.md").read_text(encoding="utf-8").lower()
    for heading in ("consumes", "produces", "owns", " fails"):
        assert heading in page, f"{service}/README.md says nothing under {heading!r}"


def test_compose_runs_every_service_on_its_documented_port() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for service in SERVICES:
        port = Settings.model_fields[f"{service}_port"].default
        assert service in compose["services"]
        assert str(port) in str(compose["services"][service].get("ports")), f"compose does not publish {service}"
        assert re.search(rf"\|\s*`?{service}`?\s*\|\s*{port}\s*\|", readme), f"README's table misses {service} {port}"


def test_nothing_generated_and_no_foreign_path_is_committed() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    generated = [name for name in files if re.search(r"(^|/)(dist|node_modules|__pycache__)/|\.pyc$|\.egg-info", name)]
    assert not generated
    hosts = re.compile(r"(pypi|pythonhosted|npmjs)\.org|deb\.debian\.org|repo1?\.maven")
    for name in files:
        path = ROOT / name
        if path.suffix in {".lock", ".txt", ".toml", ".yml", ".json", ".sh", ".md", ".py", ""} and path.is_file():
            found = hosts.search(path.read_text(encoding="utf-8", errors="ignore"))
            assert found is None or name == "tests/test_tidy.py", f"{name} names the host {found}"


def test_nobody_reads_the_environment_beside_the_settings() -> None:
    allowed = {
        "shared/src/settings/secret_files.py",
        "analyzer/src/main.py",
        "analyzer/src/worker.py",
        "trader/src/main.py",
    }
    readers = {
        relative(path)
        for path in SOURCES
        if path.parts[len(ROOT.parts)] in {*SERVICES, "shared"}
        and re.search(r"os\.(environ|getenv)", path.read_text(encoding="utf-8"))
        and "strategies" not in path.parts
    }
    assert readers <= allowed


def test_what_is_over_is_listed_once() -> None:
    # in SQL or Python; database/ keeps the text of its day: a migration does not change with the code
    neighbours = r"""canceled['"], ['"](completed|failed)|(completed|failed)['"], ['"]canceled|INTENT['"], ['"]SENT"""
    several = re.compile(neighbours)
    listed = {
        relative(path)
        for path in SOURCES
        if path.parts[len(ROOT.parts)] != "database" and several.search(path.read_text(encoding="utf-8"))
    }
    assert not listed, "use ENDED, TERMINAL, UNRESOLVED of shared.src.domain.orders or their lists in shared.src.sql"


def test_migrations_follow_each_other_in_one_line() -> None:
    folder = ROOT / "database" / "migrations" / "versions"
    followers: dict[str, str] = {}
    for path in folder.glob("0*.py"):
        values = dict(re.findall(r"^(revision|down_revision) = (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE))
        before = values["down_revision"]
        assert before not in followers, f"{path.name} and {followers[before]} both follow {before}"
        followers[before] = path.name
    assert "None" in followers
