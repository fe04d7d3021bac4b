"""When a candle was published, with the candle: of two that came for the same row the later one counts."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What is stored already is older than anything that comes.
    op.execute("ALTER TABLE market_data ADD COLUMN occurred_at TIMESTAMPTZ NOT NULL DEFAULT '-infinity'")


def downgrade() -> None:
    op.execute("ALTER TABLE market_data DROP COLUMN occurred_at")
