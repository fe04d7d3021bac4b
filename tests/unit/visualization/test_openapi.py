"""The dashboard's types follow from what the service says of itself."""

from __future__ import annotations

from cli.setup.dashboard_types import DOCUMENT, described


def test_the_document_the_dashboard_is_typed_by_is_the_services_own() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == described(), "make dashboard-types"
