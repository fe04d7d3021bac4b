"""Every table of the platform, its constraints and its views."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

HERE = Path(__file__).parent


def upgrade() -> None:
    for name in ("market", "trading", "portfolio", "operations", "views"):
        op.execute((HERE / f"0001_{name}.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("the first migration has nothing to go back to: drop the database instead")
