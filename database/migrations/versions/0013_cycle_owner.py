"""Who may close a position: the strategies, or its owner, who opened it by hand."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE trade_cycles ADD COLUMN managed_by TEXT NOT NULL DEFAULT 'strategies' "
        "CHECK (managed_by IN ('owner', 'strategies'))"
    )
    op.execute("UPDATE trade_cycles SET managed_by = 'owner' WHERE strategy = 'MANUAL'")


def downgrade() -> None:
    op.execute("ALTER TABLE trade_cycles DROP COLUMN managed_by")
