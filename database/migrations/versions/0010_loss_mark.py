"""What is remembered of losses, so that a restart forgets neither the day's start nor the peak. Writer: trader."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE loss_mark (
            one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
            day TIMESTAMPTZ NOT NULL,
            result NUMERIC(36, 12) NOT NULL,
            open_before NUMERIC(36, 12) NOT NULL,
            index NUMERIC(28, 12) NOT NULL CHECK (index >= 0),
            day_index NUMERIC(28, 12) NOT NULL CHECK (day_index >= 0),
            peak_index NUMERIC(28, 12) NOT NULL CHECK (peak_index >= index)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE loss_mark")
