"""Entries that are bought in several orders: their plan, and whether more of them may follow."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE trade_cycles ADD COLUMN plan JSONB, ADD COLUMN entering BOOLEAN NOT NULL DEFAULT FALSE")


def downgrade() -> None:
    op.execute("ALTER TABLE trade_cycles DROP COLUMN plan, DROP COLUMN entering")
