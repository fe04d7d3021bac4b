"""The SQL of the portfolio's reads."""

from shared.src import sql
from shared.src.sql import ENDED_CYCLES, LIVE_ORDERS, RESULT_SUMS, SLIPPAGE_SUMS, text

WALLETS = text("SELECT asset, free, locked, updated_at FROM wallets WHERE free + locked > 0 ORDER BY asset")

POCKETS = text("SELECT pocket AS name, pocket, share_percent, total, reserved, used, updated_at FROM capital_pockets")

LEASES = text("""
SELECT intent_id, pocket, asset, amount, spent, status, expires_at, created_at
FROM pocket_reservations WHERE status IN ('active', 'committed') ORDER BY created_at
""")

_CYCLE = """
id AS cycle_id, symbol, strategy, managed_by, pocket, status, side, entry_price, exit_price, quantity, exit_quantity,
stop_price, take_profit_price, fees, profit_loss, profit_loss_percent, entry_benchmark, entry_slippage_bips,
exit_benchmark, exit_slippage_bips, exit_reason, opened_at, created_at, completed_at, demo
"""

ACTIVE_POSITIONS = text(f"""
SELECT {_CYCLE} FROM trade_cycles
WHERE status NOT IN {ENDED_CYCLES} ORDER BY created_at DESC
""")

RECENT_POSITIONS = text(f"""
SELECT {_CYCLE} FROM trade_cycles
WHERE status = 'completed' AND completed_at >= :since ORDER BY completed_at DESC LIMIT 500
""")

CYCLE_TOTALS = text(f"""
SELECT {RESULT_SUMS}, COALESCE(sum(profit_loss) FILTER (WHERE completed_at >= :day), 0) AS today
FROM valued_cycles WHERE status = 'completed'
""")

EXECUTION = text(f"SELECT {SLIPPAGE_SUMS} FROM valued_cycles WHERE status = 'completed'")

# The last point, and the one before the moment, or the first after it when the books are younger.
EQUITY_CHANGE = text("""
WITH last AS (SELECT * FROM equity_points ORDER BY time DESC LIMIT 1),
earlier AS (
    SELECT * FROM equity_points
    WHERE time = COALESCE((SELECT max(time) FROM equity_points WHERE time <= :since),
                          (SELECT min(time) FROM equity_points WHERE time > :since))
)
SELECT last.equity AS equity_now, last.return_index AS index_now, earlier.equity AS equity_then,
       earlier.return_index AS index_then,
       (SELECT COALESCE(sum(flow), 0) FROM equity_points p WHERE p.time > earlier.time) AS flows
FROM last, earlier
""")

EQUITY_CURVE = text(sql.EQUITY_CURVE)
OPEN_TIMES = text(sql.OPEN_TIMES)

SIGNALS = text("""
SELECT id, symbol, timeframe, side AS signal_type, strength, level, confidence, price, stop_loss, take_profit, strategy,
       accepted, reason, timestamp
FROM trading_signals ORDER BY timestamp DESC, id LIMIT :limit
""")

_TRADES_WHERE = """
FROM trades
WHERE (CAST(:symbol AS varchar) IS NULL OR symbol = :symbol)
  AND (CAST(:strategy AS varchar) IS NULL OR strategy = :strategy)
  AND (CAST(:side AS varchar) IS NULL OR side = :side)
  AND (CAST(:start AS timestamptz) IS NULL OR timestamp >= :start)
  AND (CAST(:end AS timestamptz) IS NULL OR timestamp < :end)
"""
TRADES = text(f"SELECT * {_TRADES_WHERE} ORDER BY timestamp DESC, id DESC LIMIT :limit OFFSET :offset")
TRADES_COUNT = text(f"SELECT count(*) AS n {_TRADES_WHERE}")

PERFORMANCE = text("""
SELECT period, period_start, strategy, symbol, trades, wins, volume, fees, profit_loss, best, worst, updated_at
FROM performance_stats
WHERE period = :period
  AND CASE WHEN CAST(:strategy AS varchar) IS NOT NULL THEN strategy = :strategy
           WHEN CAST(:by AS varchar) = 'strategy' THEN strategy <> '' ELSE strategy = '' END
  AND CASE WHEN CAST(:symbol AS varchar) IS NOT NULL THEN symbol = :symbol
           WHEN CAST(:by AS varchar) = 'symbol' THEN symbol <> '' ELSE symbol = '' END
ORDER BY period_start DESC, profit_loss DESC LIMIT :limit
""")

LIVE = text(f"""
SELECT (SELECT count(*) FROM trade_cycles WHERE status NOT IN {ENDED_CYCLES}) AS open_cycles,
       (SELECT count(*) FROM trade_cycles WHERE status = 'completed' AND completed_at >= :day) AS completed_today,
       (SELECT COALESCE(sum(profit_loss), 0) FROM valued_cycles
        WHERE status = 'completed' AND completed_at >= :day) AS profit_loss_today,
       (SELECT count(*) FROM trade_executions WHERE timestamp >= :day) AS executions_today,
       (SELECT count(*) FROM trading_signals WHERE timestamp >= :day) AS signals_today,
       (SELECT count(*) FROM trade_cycles WHERE status = 'completed') AS completed,
       (SELECT count(*) FROM valued_cycles WHERE status = 'completed' AND profit_loss > 0) AS wins,
       (SELECT count(*) FROM orders
        WHERE status IN {LIVE_ORDERS}) AS open_orders,
       (SELECT COALESCE(sum(reserved), 0) FROM capital_pockets) AS reserved,
       (SELECT COALESCE(sum(used), 0) FROM capital_pockets) AS used
""")

VOLUMES = text("""
SELECT symbol, sum(quote_quantity) AS volume FROM trade_executions WHERE timestamp >= :since GROUP BY symbol
""")

LEDGER_BALANCES = text("SELECT account, asset, amount FROM ledger_balances WHERE amount <> 0 ORDER BY account, asset")

LEDGER_COUNTS = text("""
SELECT count(*) AS postings, count(*) FILTER (WHERE kind = 'fill') AS fills,
       count(*) FILTER (WHERE kind NOT IN ('opening', 'fill', 'adjustment')) AS transfers,
       count(*) FILTER (WHERE kind = 'adjustment') AS adjustments,
       (SELECT count(*) FROM (SELECT asset FROM ledger_totals GROUP BY asset HAVING sum(amount) <> 0) broken)
           AS unbalanced_assets
FROM ledger_postings
""")

POSTINGS = text("""
SELECT p.posting_id, p.kind, p.reference, p.description, p.occurred_at,
       COALESCE(json_agg(json_build_object('account', l.account, 'asset', l.asset, 'amount', trim_scale(l.amount)::text)
                ORDER BY l.line_no) FILTER (WHERE l.line_no IS NOT NULL), '[]') AS lines
FROM (SELECT * FROM ledger_postings WHERE CAST(:kind AS varchar) IS NULL OR kind = :kind
      ORDER BY occurred_at DESC, posting_id LIMIT :limit) p
LEFT JOIN ledger_lines l USING (posting_id)
GROUP BY p.posting_id, p.kind, p.reference, p.description, p.occurred_at ORDER BY p.occurred_at DESC, p.posting_id
""")
