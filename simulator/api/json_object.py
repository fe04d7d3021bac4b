"""What is answered and streamed: a JSON object, built field by field."""

from typing import Any

JsonObject = dict[str, Any]
