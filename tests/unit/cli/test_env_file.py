"""``make env`` fills what must be secret and touches nothing else."""

from __future__ import annotations

from pathlib import Path

from cli.setup.env_file import with_secrets, write_env

EXAMPLE = "#LOG_LEVEL=INFO\nPGPASSWORD=\nAPI_TOKEN=   # made by make env\nBINANCE_SECRET_KEY=\nREDIS_PASSWORD=kept\n"


def values(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_passwords_and_tokens_are_generated_and_differ() -> None:
    filled = values(with_secrets(EXAMPLE))
    assert len(filled["PGPASSWORD"]) >= 24
    assert len(filled["API_TOKEN"]) >= 24
    assert filled["PGPASSWORD"] != filled["API_TOKEN"]


def test_an_exchange_key_stays_empty_and_a_given_password_stays() -> None:
    filled = values(with_secrets(EXAMPLE))
    assert filled["BINANCE_SECRET_KEY"] == ""
    assert filled["REDIS_PASSWORD"] == "kept"


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text(EXAMPLE)
    write_env(tmp_path)
    first = (tmp_path / ".env").read_text()
    write_env(tmp_path)
    assert (tmp_path / ".env").read_text() == first


def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text(EXAMPLE)
    write_env(tmp_path)
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
