"""Who stopped entries, and until when: a halt of the platform's own is not lifted as a pause by hand is.

One scope may be stopped for several causes at once. Pauses that the trader had set itself become halts.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        ALTER TABLE trading_pauses
            ADD COLUMN cause VARCHAR(20) NOT NULL DEFAULT 'hand',
            ADD COLUMN until TIMESTAMPTZ,
            DROP CONSTRAINT trading_pauses_pkey,
            ADD PRIMARY KEY (scope, cause)
    """)
    op.execute("UPDATE trading_pauses SET cause = 'difference' WHERE reason LIKE 'difference:%'")


def downgrade() -> None:
    op.execute("""
        DELETE FROM trading_pauses one USING trading_pauses other
        WHERE one.scope = other.scope AND one.cause > other.cause
    """)
    op.execute("""
        ALTER TABLE trading_pauses
            DROP CONSTRAINT trading_pauses_pkey,
            DROP COLUMN cause,
            DROP COLUMN until,
            ADD PRIMARY KEY (scope)
    """)
