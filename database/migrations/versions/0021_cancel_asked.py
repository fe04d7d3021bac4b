"""Whether we cancelled an order: the end of any other one is the operator's doing, and is not undone."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE orders ADD COLUMN cancel_asked BOOLEAN NOT NULL DEFAULT FALSE")
    op.execute("UPDATE orders SET cancel_asked = TRUE WHERE status = 'CANCELED'")


def downgrade() -> None:
    op.execute("ALTER TABLE orders DROP COLUMN cancel_asked")
