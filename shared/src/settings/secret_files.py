"""Secrets from files: Docker's way of handing them over."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic_settings import PydanticBaseSettingsSource

from shared.src.domain.errors import ConfigurationError

SECRET_NAMES = ("BINANCE_API_KEY", "BINANCE_SECRET_KEY", "PGPASSWORD", "REDIS_PASSWORD", "API_TOKEN")


class SecretFiles(PydanticBaseSettingsSource):
    """Reads ``NAME`` from the file that ``NAME_FILE`` points to."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in SECRET_NAMES:
            path = os.environ.get(f"{name}_FILE")
            if path and not os.environ.get(name):
                try:
                    found[name] = Path(path).read_text(encoding="utf-8").strip()
                except OSError as error:
                    raise ConfigurationError(f"{name}_FILE: cannot read {path}: {error.strerror}") from error
        return found
