"""The value of the account over time, with what came from outside: performance is what remains without that."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Writer of both: portfolio. Points begin with this migration: the older snapshots lack the flows.
POINTS = """
CREATE TABLE equity_points (
    time TIMESTAMPTZ PRIMARY KEY,
    equity NUMERIC(36, 12) NOT NULL,
    flow NUMERIC(36, 12) NOT NULL,
    return_index NUMERIC(36, 18) NOT NULL CHECK (return_index >= 0),
    equity_eur NUMERIC(36, 12)
)
"""
# What the last point was made of: the next one is measured from it.
STATE = """
CREATE TABLE equity_state (
    only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    valued_in VARCHAR(20) NOT NULL,
    holdings JSONB NOT NULL
)
"""


def upgrade() -> None:
    op.execute(POINTS)
    op.execute(STATE)


def downgrade() -> None:
    op.execute("DROP TABLE equity_points, equity_state")
