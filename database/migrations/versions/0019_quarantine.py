"""What the trader cannot handle is set aside with the reason: one row per thing, released when it can be handled."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
    CREATE TABLE quarantine (
        source TEXT NOT NULL,
        key TEXT NOT NULL,
        symbol TEXT NOT NULL DEFAULT '',
        reason TEXT NOT NULL,
        content TEXT NOT NULL DEFAULT '',
        since TIMESTAMPTZ NOT NULL,
        released_at TIMESTAMPTZ,
        PRIMARY KEY (source, key)
    )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE quarantine")
