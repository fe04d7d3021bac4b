"""``python -m cli.setup.env_file``: writes ``.env`` from ``.env.example`` with a secret made for each empty one."""

from __future__ import annotations

import re
import secrets
import sys
from pathlib import Path

from cli.data_folder import PROJECT_ROOT, write_private

# A password or token of ours is generated; an exchange key is somebody's own and stays empty.
GENERATED = re.compile(r"^(?P<name>[A-Z0-9_]*(?:PASSWORD|TOKEN))=[ \t]*(?P<comment>#.*)?$", re.MULTILINE)


def with_secrets(text: str) -> str:
    """The text with every empty password and token filled."""
    return GENERATED.sub(lambda match: f"{match['name']}={secrets.token_urlsafe(24)}", text)


def write_env(root: Path) -> str:
    """Write the file; an existing one keeps every value it has and only gets what is missing. Returns what was done."""
    target, example = root / ".env", root / ".env.example"
    if not target.exists():
        write_private(target, with_secrets(example.read_text(encoding="utf-8")))
        return f"wrote {target} with generated secrets"
    before = target.read_text(encoding="utf-8")
    after = with_secrets(before)
    if after == before:
        return f"{target} is there and complete"
    write_private(target, after)
    return f"filled the empty secrets of {target}"


def main() -> int:
    """Entry point of ``make env``."""
    sys.stderr.write(f"{write_env(PROJECT_ROOT)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
