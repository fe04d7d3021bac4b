"""The type an order was asked for beside the one that was sent; when an entry expires; orders that wait for it."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

STATUSES = """
ALTER TABLE orders DROP CONSTRAINT orders_status_check, ADD CONSTRAINT orders_status_check CHECK (status IN (
    'INTENT', 'SENT', 'UNKNOWN', {more}'NEW', 'PARTIALLY_FILLED', 'FILLED', 'CANCELED', 'REJECTED', 'EXPIRED',
    'EXPIRED_IN_MATCH'))
"""
OPEN = """
DROP INDEX orders_open_idx;
CREATE INDEX orders_open_idx ON orders (symbol)
    WHERE status IN ('INTENT', 'SENT', 'UNKNOWN', {more}'NEW', 'PARTIALLY_FILLED')
"""
# `type`: what was asked for; `sent_type`: what the exchange was sent, NULL where that is the same.
ASKED = """
UPDATE orders SET sent_type = type, type = 'MARKET'
WHERE purpose IN ('entry', 'manual') AND side = 'BUY' AND type = 'LIMIT' AND time_in_force = 'IOC'
"""


def upgrade() -> None:
    op.execute("ALTER TABLE orders ADD COLUMN sent_type VARCHAR(20)")
    op.execute(ASKED)
    op.execute("ALTER TABLE trade_cycles ADD COLUMN expires_at TIMESTAMPTZ")
    for statement in (STATUSES, OPEN):
        op.execute(statement.format(more="'PENDING_NEW', "))


def downgrade() -> None:
    op.execute("UPDATE orders SET status = 'NEW' WHERE status = 'PENDING_NEW'")
    for statement in (STATUSES, OPEN):
        op.execute(statement.format(more=""))
    op.execute("ALTER TABLE trade_cycles DROP COLUMN expires_at")
    op.execute("UPDATE orders SET type = sent_type WHERE sent_type IS NOT NULL")
    op.execute("ALTER TABLE orders DROP COLUMN sent_type")
