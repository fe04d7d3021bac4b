"""What the smallest order was worth when a position was decided: a rest that cost more is never called dust.

Older positions have none; for them the rules of now are asked.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE trade_cycles ADD COLUMN dust_cost_max NUMERIC(36, 12) CHECK (dust_cost_max >= 0)")


def downgrade() -> None:
    op.execute("ALTER TABLE trade_cycles DROP COLUMN dust_cost_max")
