-- The columns of the documented trades table, so that its sample queries run.
CREATE VIEW trades AS
SELECT trade_id AS id, order_id, symbol, side, status, price, quantity, fee, fee_asset, role, quote_quantity, timestamp,
       demo, strategy, cycle_id
FROM trade_executions;

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
FROM trade_cycles WHERE status = 'completed' GROUP BY strategy;

CREATE VIEW symbol_performance AS
SELECT symbol,
       count(*) AS cycles,
       count(*) FILTER (WHERE profit_loss > 0) AS wins,
       sum(profit_loss) AS profit_loss,
       avg(profit_loss_percent) AS average_percent,
       sum(fees) AS fees
FROM trade_cycles WHERE status = 'completed' GROUP BY symbol;

CREATE VIEW ledger_balances AS
SELECT account, asset, sum(amount) AS amount FROM ledger_lines GROUP BY account, asset;
