"""Makes ``.venv`` and fills it from a lock file: ``python3 cli/setup/bootstrap.py [embedded|dev]``.

Standard library only. Old interpreters must be able to read this file, to say that they are too old.
Speaks on stderr, so that whatever runs after it keeps stdout for itself. A second run finds its stamp and ends.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = {"embedded": "requirements-embedded.lock", "dev": "requirements-dev.lock"}
PYTHON_MIN = (3, 11)
EXIT_MISSING = 3


def say(text: str) -> None:
    """A line of progress."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def run(*command: str) -> int:
    """Run a command with its output on stderr; returns its exit code."""
    return subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False).returncode


def stamp(kind: str) -> Path:
    """The file that says a lock file is installed, named by the content of what it was installed from."""
    digest = hashlib.sha256()
    for name in (LOCKS[kind], "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return VENV / f".installed-{kind}-{digest.hexdigest()[:16]}"


def is_installed(kind: str) -> bool:
    """Whether the lock file, or the larger one that holds it, is installed."""
    return PYTHON.exists() and (stamp(kind).exists() or stamp("dev").exists())


def make_venv() -> bool:
    """Make the environment in whichever way this machine offers."""
    say(f"making {VENV} with Python {sys.version.split()[0]}")
    if run(sys.executable, "-m", "venv", str(VENV)) == 0:
        return True
    say("the venv module lacks ensurepip; trying other ways")
    return any(way() for way in (_with_uv, _with_outer_pip, _with_apt))


def _with_uv() -> bool:
    uv = shutil.which("uv")
    return uv is not None and run(uv, "venv", "--clear", "--seed", "--python", sys.executable, str(VENV)) == 0


def _with_outer_pip() -> bool:
    """A pip outside the environment can install one into it."""
    if run(sys.executable, "-m", "pip", "--version") != 0:
        return False
    made = run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)) == 0
    return made and run(sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "-q", "pip") == 0


def _with_apt() -> bool:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return False
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    run(apt, "update", "-qq")
    if run(apt, "install", "-y", "-qq", "--no-install-recommends", package) != 0:
        return False
    return run(sys.executable, "-m", "venv", "--clear", str(VENV)) == 0


def install(kind: str) -> bool:
    """Install a lock file, every package checked against its hash, then the project itself."""
    say(f"installing {LOCKS[kind]} (once; every package is checked against its hash)")
    pip = (
        str(PYTHON),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--progress-bar=off",
        "--prefer-binary",
    )
    if run(*pip, "--require-hashes", "-r", LOCKS[kind]) != 0:
        return False
    return run(*pip, "--no-deps", "--no-build-isolation", "--editable", ".") == 0


def main() -> int:
    """Bring the environment to what is asked for."""
    kind = sys.argv[1] if len(sys.argv) > 1 else "embedded"
    if sys.version_info < PYTHON_MIN:
        say(f"Python {sys.version.split()[0]} is too old: 3.11 or newer is needed (make PYTHON=/path/to/python3)")
        return EXIT_MISSING
    if is_installed(kind):
        return 0
    if not PYTHON.exists() and not make_venv():
        say("error: no virtual environment could be made; install it, for example: apt install python3-venv")
        return EXIT_MISSING
    if not install(kind):
        say("error: the packages could not be installed (the reason stands above)")
        return EXIT_MISSING
    # compiled once, and kept beside the code: the first backtest waits for no compiler
    run(str(PYTHON), "-c", "import backtester.kernels.ema_cross")
    stamp(kind).touch()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
