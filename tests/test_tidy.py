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
TRACKED = sorted(
    ROOT / name
    for name in subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    if (ROOT / name).is_file()
)
PYTHON = [path for path in TRACKED if path.suffix == ".py"]
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


# Words that only the people who wrote them would understand
PRIVATE_WORDS = re.compile(r"\b(desk|door|lane|keeper|bury|buries|buried|kick|insist|stranger)(s|ed|ing)?\b")
# The control door of docs/simulator.md, and the inventor of the stochastic oscillator
KNOWN_NAMES = re.compile(r"[Cc]ontrol door|G\. Lane")


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_words_are_the_fields(path: Path) -> None:
    text = KNOWN_NAMES.sub("", path.read_text(encoding="utf-8")).replace("_", " ")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
    assert not sorted({match.group() for match in PRIVATE_WORDS.finditer(words)})


def test_a_class_name_means_one_thing() -> None:
    places: dict[str, list[Path]] = {}
    for path in SOURCES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(path)
    doubled = {name: where for name, where in places.items() if len(where) > 1}
    assert doubled == {}


def test_tests_mirror_the_packages() -> None:
    across = {"pipeline", "full_engine"}  # several services at once
    placed = [path.relative_to(ROOT / "tests").parts for path in TRACKED if path.is_relative_to(ROOT / "tests")]
    rooms = {parts[:2] for parts in placed if len(parts) > 2 and parts[0] in {"unit", "integration"}}
    assert not {room for room in rooms if not (ROOT / room[1]).is_dir() and room[1] not in across}


DISPLAYS = (ast.List, ast.Tuple, ast.Set, ast.Dict)


def rows(node: ast.AST) -> list[ast.expr]:
    """What stands in a display, one below the other."""
    match node:
        case ast.Dict(values=values):
            return values
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            return elements
        case _:
            return []


def is_table(statement: ast.AST) -> bool:
    """Whether it holds three rows or more that have columns of their own."""
    return any(
        len(found := rows(node)) >= 3 and all(isinstance(row, (*DISPLAYS, ast.Call)) for row in found)
        for node in ast.walk(statement)
    )


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_only_tables_are_kept_from_the_formatter(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    marks = [number for number, line in enumerate(text.split("\n"), 1) if line.rstrip().endswith("# fmt: skip")]
    if not marks:
        return
    spans = [
        (node.lineno, node.end_lineno or node.lineno, node)
        for found in ast.walk(ast.parse(text))
        for node in (found, *getattr(found, "decorator_list", ()))
        if isinstance(found, ast.stmt)
    ]
    for mark in marks:
        _, _, innermost = max((span for span in spans if span[0] <= mark <= span[1]), key=lambda span: span[0])
        assert is_table(innermost), f"line {mark}: a statement without rows is the formatter's"


# Files that a reader is told to write
EXAMPLES = {"strategies/morning_dip.py"}


@pytest.mark.parametrize("path", [path for path in TRACKED if path.suffix == ".md"], ids=relative)
def test_pages_name_files_that_exist(path: Path) -> None:
    named = set(
        re.findall(r"[\w./-]*[\w-]+/[\w./-]+\.(?:py|sql|sh|ya?ml|toml|tsx?|css|html)\b", path.read_text("utf-8"))
    )
    endings = {f"/{relative(file)}" for file in TRACKED}
    missing = {name for name in named - EXAMPLES if not any(end.endswith(f"/{name.lstrip('./')}") for end in endings)}
    assert not missing
