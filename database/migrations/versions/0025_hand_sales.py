"""What a position has of the sales by which the operator sold more than one."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE trade_cycles ADD COLUMN hand_sales JSONB NOT NULL DEFAULT '[]'")


def downgrade() -> None:
    op.execute("ALTER TABLE trade_cycles DROP COLUMN hand_sales")
