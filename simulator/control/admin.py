"""The admin page: one HTML page that polls the control API and shows what goes on in the twin."""

from pathlib import Path

PAGE = (Path(__file__).parent / "admin_page.html").read_text(encoding="utf-8")
