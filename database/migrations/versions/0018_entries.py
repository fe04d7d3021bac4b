"""When the decision of a cycle was made, and whether its entry was taken back."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE trade_cycles ADD COLUMN decided_at TIMESTAMPTZ, "
        "ADD COLUMN entry_canceled BOOLEAN NOT NULL DEFAULT FALSE"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE trade_cycles DROP COLUMN decided_at, DROP COLUMN entry_canceled")
