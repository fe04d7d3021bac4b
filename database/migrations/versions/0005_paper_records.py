"""The paper account as rows, one for each thing in it, instead of one value that holds everything."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Writer: trader. What changed, in one transaction, before any answer is given; history is never written again.
    op.execute(
        "CREATE TABLE paper_records (id BIGINT GENERATED ALWAYS AS IDENTITY, account VARCHAR(40) NOT NULL, "
        "kind VARCHAR(20) NOT NULL, key VARCHAR(200) NOT NULL, is_live BOOLEAN NOT NULL, document JSONB NOT NULL, "
        "saved_at TIMESTAMPTZ NOT NULL DEFAULT now(), PRIMARY KEY (account, kind, key))"
    )
    op.execute("CREATE INDEX paper_records_live ON paper_records (account) WHERE is_live")
    op.execute("CREATE INDEX paper_records_history ON paper_records (account, kind, id) WHERE NOT is_live")
    op.execute("DROP TABLE paper_accounts")


def downgrade() -> None:
    op.execute("DROP TABLE paper_records")
    op.execute(
        "CREATE TABLE paper_accounts (name VARCHAR(40) PRIMARY KEY, state BYTEA NOT NULL, "
        "saved_at TIMESTAMPTZ NOT NULL DEFAULT now())"
    )
