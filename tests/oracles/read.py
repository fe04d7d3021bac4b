"""The figures that other libraries gave (``record.py``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

FIGURES: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("figures.json").read_text(encoding="utf-8"))
