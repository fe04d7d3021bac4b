"""What each account holds of each asset is kept as it changes: a balance costs the same at any number of postings.

The database adds up what is inserted, whoever inserts it; a line is never changed or taken back afterwards.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TOTALS = """
CREATE TABLE ledger_totals (
    account VARCHAR(40) NOT NULL,
    asset VARCHAR(20) NOT NULL,
    amount NUMERIC(36, 18) NOT NULL,
    PRIMARY KEY (account, asset)
)
"""
ADD_UP = """
CREATE FUNCTION ledger_add_up() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_totals (account, asset, amount)
    SELECT account, asset, sum(amount) FROM added GROUP BY account, asset ORDER BY account, asset
    ON CONFLICT (account, asset) DO UPDATE SET amount = ledger_totals.amount + EXCLUDED.amount;
    RETURN NULL;
END $$
"""
REFUSE = """
CREATE FUNCTION ledger_lines_stay() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a line of the ledger is never changed: post another one' USING ERRCODE = 'check_violation';
END $$
"""
# What the entries of a lease spent is found by their orders.
ORDER_INDEX = "CREATE INDEX trade_executions_order_idx ON trade_executions (client_order_id)"


def upgrade() -> None:
    op.execute("LOCK TABLE ledger_lines IN SHARE ROW EXCLUSIVE MODE")
    op.execute(TOTALS)
    op.execute("INSERT INTO ledger_totals SELECT account, asset, sum(amount) FROM ledger_lines GROUP BY account, asset")
    op.execute(ADD_UP)
    op.execute(
        "CREATE TRIGGER ledger_lines_add_up AFTER INSERT ON ledger_lines REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION ledger_add_up()"
    )
    op.execute(REFUSE)
    op.execute(
        "CREATE TRIGGER ledger_lines_stay BEFORE UPDATE OR DELETE ON ledger_lines"
        " FOR EACH ROW EXECUTE FUNCTION ledger_lines_stay()"
    )
    op.execute(
        "CREATE OR REPLACE VIEW ledger_balances AS"
        " SELECT account, asset, CAST(amount AS NUMERIC) AS amount FROM ledger_totals"
    )
    op.execute(ORDER_INDEX)


def downgrade() -> None:
    op.execute(
        "CREATE OR REPLACE VIEW ledger_balances AS"
        " SELECT account, asset, sum(amount) AS amount FROM ledger_lines GROUP BY account, asset"
    )
    op.execute("DROP TRIGGER ledger_lines_add_up ON ledger_lines")
    op.execute("DROP TRIGGER ledger_lines_stay ON ledger_lines")
    op.execute("DROP FUNCTION ledger_add_up")
    op.execute("DROP FUNCTION ledger_lines_stay")
    op.execute("DROP TABLE ledger_totals")
    op.execute("DROP INDEX trade_executions_order_idx")
