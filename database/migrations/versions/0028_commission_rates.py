"""What trades cost the account, by symbol, a discount included as long as it is earned."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Writer: trader. Shares of what a trade brings.
    op.execute(
        "CREATE TABLE commission_rates ("
        "symbol VARCHAR(20) PRIMARY KEY, maker NUMERIC(18, 12) NOT NULL, taker NUMERIC(18, 12) NOT NULL,"
        " updated_at TIMESTAMPTZ NOT NULL)"
    )


def downgrade() -> None:
    op.execute("DROP TABLE commission_rates")
