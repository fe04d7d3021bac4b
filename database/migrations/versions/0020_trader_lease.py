"""Who acts for an account: each trader that takes it over gets a higher token, which its commits check."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
    CREATE TABLE trader_leases (
        account TEXT PRIMARY KEY,
        token BIGINT NOT NULL CHECK (token > 0),
        holder TEXT NOT NULL,
        since TIMESTAMPTZ NOT NULL
    )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE trader_leases")
