"""What each completed cycle came to in the asset of valuation, at the price of its quote asset when it ended.

``trade_cycles`` is in units of each symbol's own quote asset; sums over several of them are taken over the view
``valued_cycles``, where a rate that nobody knows yet leaves NULL and never counts one currency as another.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

VALUED_CYCLES = """
CREATE VIEW valued_cycles AS
SELECT c.id, c.symbol, c.strategy, c.status, c.opened_at, c.created_at, c.updated_at, c.completed_at, c.demo, r.rate,
       c.profit_loss * r.rate - coalesce(v.fee_gap, 0) AS profit_loss, c.profit_loss_percent,
       c.fees * r.rate + coalesce(v.fee_gap, 0) AS fees,
       (coalesce(c.quantity * c.entry_price, 0) + coalesce(c.exit_quantity * c.exit_price, 0)) * r.rate AS volume
FROM trade_cycles c
LEFT JOIN valuation a ON TRUE
LEFT JOIN cycle_values v ON v.cycle_id = c.id AND v.valued_in = a.asset
CROSS JOIN LATERAL (
    SELECT CASE WHEN right(c.symbol, length(coalesce(a.asset, ''))) = coalesce(a.asset, '') THEN 1
           ELSE v.rate END AS rate
) r
"""
STRATEGIES = """
CREATE VIEW strategy_performance AS
SELECT strategy,
       count(*) AS cycles,
       count(*) FILTER (WHERE profit_loss > 0) AS wins,
       round(100.0 * count(*) FILTER (WHERE profit_loss > 0) / count(*), 2) AS win_rate_percent,
       sum(profit_loss) AS profit_loss,
       avg(profit_loss_percent) AS average_percent,
       sum(fees) AS fees,
       max(profit_loss) AS best,
       min(profit_loss) AS worst
FROM {cycles} WHERE status = 'completed' GROUP BY strategy
"""
SYMBOLS = """
CREATE VIEW symbol_performance AS
SELECT symbol,
       count(*) AS cycles,
       count(*) FILTER (WHERE profit_loss > 0) AS wins,
       sum(profit_loss) AS profit_loss,
       avg(profit_loss_percent) AS average_percent,
       sum(fees) AS fees
FROM {cycles} WHERE status = 'completed' GROUP BY symbol
"""


def upgrade() -> None:
    # Writer of both: portfolio. One row: what everything is valued in (QUOTE_ASSET).
    op.execute(
        "CREATE TABLE valuation ("
        "only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row), asset VARCHAR(20) NOT NULL)"
    )
    # NULL: nobody knows a price yet; asked again until somebody does.
    op.execute(
        "CREATE TABLE cycle_values (cycle_id VARCHAR(50) PRIMARY KEY REFERENCES trade_cycles (id),"
        " valued_in VARCHAR(20) NOT NULL, rate NUMERIC(36, 18) CHECK (rate > 0),"
        " fee_gap NUMERIC(36, 12) CHECK (fee_gap >= 0), updated_at TIMESTAMPTZ NOT NULL)"
    )
    op.execute("CREATE INDEX cycle_values_unknown_idx ON cycle_values (cycle_id) WHERE rate IS NULL OR fee_gap IS NULL")
    op.execute(VALUED_CYCLES)
    _performance_of("valued_cycles")


def downgrade() -> None:
    _performance_of("trade_cycles")
    op.execute("DROP VIEW valued_cycles")
    op.execute("DROP TABLE cycle_values, valuation")


def _performance_of(cycles: str) -> None:
    op.execute("DROP VIEW strategy_performance, symbol_performance")
    op.execute(STRATEGIES.format(cycles=cycles))
    op.execute(SYMBOLS.format(cycles=cycles))
