"""What moves outside of trades has kinds and accounts of its own; amounts are the exchange's, rounded as it rounds.

A fill so small that the exchange rounded its quote amount to nothing is a fill, and a fee of zero has no asset,
whatever the exchange named.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KINDS = ("opening", "fill", "deposit", "withdrawal", "adjustment")
ACCOUNTS = ("exchange", "trading", "fees", "capital", "difference")


def upgrade() -> None:
    _check("ledger_postings", "kind", (*KINDS, "convert", "dust", "earn", "reward"))
    _check("ledger_lines", "account", (*ACCOUNTS, "convert", "dust", "earn", "rewards"))
    _replace("trade_executions", "quote_quantity", "quote_quantity >= 0")
    op.execute("UPDATE trade_executions SET fee_asset = '' WHERE fee = 0 AND fee_asset <> ''")


def downgrade() -> None:
    """Raises when there are rows that the older checks do not know."""
    _check("ledger_postings", "kind", KINDS)
    _check("ledger_lines", "account", ACCOUNTS)
    _replace("trade_executions", "quote_quantity", "quote_quantity > 0")


def _check(table: str, column: str, words: tuple[str, ...]) -> None:
    _replace(table, column, f"{column} IN ({', '.join(repr(word) for word in words)})")


def _replace(table: str, column: str, condition: str) -> None:
    name = f"{table}_{column}_check"
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} CHECK ({condition})")
