"""Executions that the portfolio cannot book are set aside with the reason, and released when they can be."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
    CREATE TABLE unbooked_executions (
        execution_id TEXT PRIMARY KEY,
        symbol TEXT NOT NULL,
        reason TEXT NOT NULL,
        since TIMESTAMPTZ NOT NULL,
        released_at TIMESTAMPTZ
    )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE unbooked_executions")
