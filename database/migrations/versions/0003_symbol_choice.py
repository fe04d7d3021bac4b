"""Symbols chosen while the platform runs."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Writer: gateway. One row; it holds while ``configured`` is what TRADING_SYMBOLS says.
    op.execute(
        "CREATE TABLE symbol_choice (id INTEGER PRIMARY KEY DEFAULT 1 CHECK (id = 1), configured TEXT[] NOT NULL, "
        "chosen TEXT[] NOT NULL, changed_at TIMESTAMPTZ NOT NULL DEFAULT now())"
    )


def downgrade() -> None:
    op.execute("DROP TABLE symbol_choice")
