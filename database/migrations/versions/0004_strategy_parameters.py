"""The parameters of strategies, as users set them: every change with its time and its author."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Writers: analyzer, and `roottrading strategy set`. Only ever appended to; a strategy's newest row counts, and
    # holds what differs from the environment and the defaults ({}: nothing).
    op.execute(
        "CREATE TABLE strategy_parameters (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        "strategy VARCHAR(60) NOT NULL, parameters JSONB NOT NULL, author VARCHAR(60) NOT NULL, "
        "changed_at TIMESTAMPTZ NOT NULL DEFAULT now())"
    )
    op.execute("CREATE INDEX strategy_parameters_newest_idx ON strategy_parameters (strategy, id DESC)")


def downgrade() -> None:
    op.execute("DROP TABLE strategy_parameters")
