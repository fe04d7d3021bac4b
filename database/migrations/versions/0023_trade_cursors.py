"""How far the account's trades were compared, by symbol, and from which one on they are ours to book."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
    CREATE TABLE trade_cursors (
        symbol TEXT PRIMARY KEY,
        begins_after BIGINT NOT NULL,
        compared_to BIGINT NOT NULL,
        CHECK (compared_to >= begins_after)
    )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE trade_cursors")
