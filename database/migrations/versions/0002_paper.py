"""The account of in-process paper trading, so that it survives a restart."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Writer: trader. The state of the matching engine, written before any of its answers is given.
    op.execute(
        "CREATE TABLE paper_accounts (name VARCHAR(40) PRIMARY KEY, state BYTEA NOT NULL, "
        "saved_at TIMESTAMPTZ NOT NULL DEFAULT now())"
    )


def downgrade() -> None:
    op.execute("DROP TABLE paper_accounts")
