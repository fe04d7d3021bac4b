"""What stops entries, as statements: pauses, halts, and what is remembered of losses and fees."""

MARK_COLUMNS = ("day", "result", "open_before", "index", "day_index", "peak_index")
MARK = ", ".join(MARK_COLUMNS)
SAVE_MARK = f"""
INSERT INTO loss_mark ({MARK}) VALUES ({", ".join(f":{name}" for name in MARK_COLUMNS)})
ON CONFLICT (one) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in MARK_COLUMNS)}
"""
HOLDS = "(until IS NULL OR until > :now)"
PAUSES = f"SELECT scope, reason, since, cause, until FROM trading_pauses WHERE {HOLDS} ORDER BY since, scope, cause"
RESUME = f"DELETE FROM trading_pauses WHERE scope = :scope AND {HOLDS}"
PAUSE = """
INSERT INTO trading_pauses AS known (scope, reason, since, cause, until)
VALUES (:scope, :reason, :since, :cause, :until)
ON CONFLICT (scope, cause) DO UPDATE SET reason = excluded.reason, until = excluded.until,
    since = CASE WHEN known.until <= :now THEN excluded.since ELSE known.since END
"""
SAVE_FEES = """
INSERT INTO commission_rates (symbol, maker, taker, updated_at) VALUES (:symbol, :maker, :taker, :at)
ON CONFLICT (symbol) DO UPDATE SET maker = excluded.maker, taker = excluded.taker, updated_at = excluded.updated_at
"""
