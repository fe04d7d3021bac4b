"""What orders were executed at against the market when they were decided."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# `benchmark`: what the execution is measured against. NULL where nobody knew a price.
ORDERS = """
ALTER TABLE orders ADD COLUMN arrival_price NUMERIC(28, 12), ADD COLUMN arrival_touch NUMERIC(28, 12),
    ADD COLUMN benchmark NUMERIC(28, 12)
"""
CYCLES = """
ALTER TABLE trade_cycles ADD COLUMN entry_benchmark NUMERIC(28, 12), ADD COLUMN exit_benchmark NUMERIC(28, 12),
    ADD COLUMN entry_slippage_bips NUMERIC(20, 4), ADD COLUMN exit_slippage_bips NUMERIC(20, 4)
"""
TRADES = """
CREATE OR REPLACE VIEW trades AS
SELECT e.trade_id AS id, e.order_id, e.symbol, e.side, e.status, e.price, e.quantity, e.fee, e.fee_asset, e.role,
       e.quote_quantity, e.timestamp, e.demo, e.strategy, e.cycle_id, o.benchmark,
       round((e.price / o.benchmark - 1) * CASE e.side WHEN 'BUY' THEN 10000 ELSE -10000 END, 4) AS slippage_bips
FROM trade_executions e LEFT JOIN orders o USING (client_order_id)
"""
OLD_TRADES = """
CREATE VIEW trades AS
SELECT trade_id AS id, order_id, symbol, side, status, price, quantity, fee, fee_asset, role, quote_quantity, timestamp,
       demo, strategy, cycle_id
FROM trade_executions
"""
# `entry_value`, `exit_value`: what was traded against a benchmark; `slippage`: what that lost, or gained (< 0).
MEASURED = """,
       CASE WHEN c.entry_benchmark IS NULL THEN 0 ELSE c.quantity * c.entry_price * r.rate END AS entry_value,
       CASE WHEN c.exit_benchmark IS NULL THEN 0 ELSE c.exit_quantity * c.exit_price * r.rate END AS exit_value,
       c.entry_slippage_bips, c.exit_slippage_bips,
       (coalesce(c.quantity * c.entry_benchmark * c.entry_slippage_bips, 0)
        + coalesce(c.exit_quantity * c.exit_benchmark * c.exit_slippage_bips, 0)) / 10000 * r.rate AS slippage"""
VALUED_CYCLES = """
CREATE OR REPLACE VIEW valued_cycles AS
SELECT c.id, c.symbol, c.strategy, c.status, c.opened_at, c.created_at, c.updated_at, c.completed_at, c.demo, r.rate,
       c.profit_loss * r.rate - coalesce(v.fee_gap, 0) AS profit_loss, c.profit_loss_percent,
       c.fees * r.rate + coalesce(v.fee_gap, 0) AS fees,
       (coalesce(c.quantity * c.entry_price, 0) + coalesce(c.exit_quantity * c.exit_price, 0)) * r.rate AS volume{more}
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
FROM valued_cycles WHERE status = 'completed' GROUP BY strategy
"""
SYMBOLS = """
CREATE VIEW symbol_performance AS
SELECT symbol,
       count(*) AS cycles,
       count(*) FILTER (WHERE profit_loss > 0) AS wins,
       sum(profit_loss) AS profit_loss,
       avg(profit_loss_percent) AS average_percent,
       sum(fees) AS fees
FROM valued_cycles WHERE status = 'completed' GROUP BY symbol
"""


def upgrade() -> None:
    op.execute(ORDERS)
    op.execute(CYCLES)
    op.execute(TRADES)
    op.execute(VALUED_CYCLES.format(more=MEASURED))


def downgrade() -> None:
    op.execute("DROP VIEW strategy_performance, symbol_performance, valued_cycles, trades")
    op.execute(OLD_TRADES)
    op.execute(
        "ALTER TABLE trade_cycles DROP COLUMN entry_benchmark, DROP COLUMN exit_benchmark,"
        " DROP COLUMN entry_slippage_bips, DROP COLUMN exit_slippage_bips"
    )
    op.execute("ALTER TABLE orders DROP COLUMN arrival_price, DROP COLUMN arrival_touch, DROP COLUMN benchmark")
    op.execute(VALUED_CYCLES.format(more=""))
    op.execute(STRATEGIES)
    op.execute(SYMBOLS)
