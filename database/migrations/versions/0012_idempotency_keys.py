"""The answers that calls under an Idempotency-Key were given."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Writers: every service that takes commands. Without a status a call is being carried out.
    op.execute(
        "CREATE TABLE idempotency_keys (token_id VARCHAR(20) NOT NULL, key VARCHAR(200) NOT NULL, "
        "route TEXT NOT NULL, body_sha256 CHAR(64) NOT NULL, claimed_until TIMESTAMPTZ NOT NULL, "
        "status SMALLINT, answer TEXT, created_at TIMESTAMPTZ NOT NULL DEFAULT now(), "
        "PRIMARY KEY (token_id, key), CHECK ((status IS NULL) = (answer IS NULL)))"
    )
    op.execute("CREATE INDEX idempotency_keys_created_idx ON idempotency_keys (created_at)")


def downgrade() -> None:
    op.execute("DROP TABLE idempotency_keys")
