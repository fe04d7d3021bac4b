"""What each level of the database adds to the tables; every statement may run again."""

from __future__ import annotations

from sqlalchemy import Connection, text

from shared.src.database import DatabaseLevel

HYPERTABLES = {
    "market_data": "7 days",
    "analyzer_data": "7 days",
    "portfolio_balances": "30 days",
    "event_logs": "7 days",
}
# Columns of the primary key are segments or order: what is unique is then checked without unpacking a chunk
COMPRESS_BY = {
    "market_data": ("symbol, timeframe", "time DESC"),
    "analyzer_data": ("symbol, timeframe", "time DESC"),
    "event_logs": ("service", "time DESC, id DESC"),
}
COMPRESS_AFTER = "14 days"
RETENTION = {
    "market_data": "2 years",
    "analyzer_data": "1 year",
    "portfolio_balances": "2 years",
    "event_logs": "6 months",
}
# Older than what the gateway still fetches or corrects (7 days), younger than what is compressed
REFRESH_FROM = "8 days"
AGGREGATES = {"5m": "5 minutes", "15m": "15 minutes", "1h": "1 hour", "4h": "4 hours", "1d": "1 day"}

# A minute without trades repeats the price before it: it opens nothing and is no high or low, unless all are like it
AGGREGATE_SQL = """
SELECT symbol, {bucket} AS time, {first} AS open, COALESCE(max(high) FILTER (WHERE volume > 0), max(high)) AS high,
       COALESCE(min(low) FILTER (WHERE volume > 0), min(low)) AS low, {last} AS close,
       sum(volume) AS volume, sum(quote_asset_volume) AS quote_asset_volume, sum(number_of_trades) AS number_of_trades
FROM market_data WHERE timeframe = '1m' GROUP BY symbol, {bucket}
"""


def detect(connection: Connection) -> DatabaseLevel:
    """The edition that is installed in this database."""
    if connection.execute(text("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")).scalar() is None:
        return DatabaseLevel.PLAIN
    licence = connection.execute(text("SHOW timescaledb.license")).scalar_one()
    return DatabaseLevel.COMMUNITY if licence == "timescale" else DatabaseLevel.APACHE


def apply_level(connection: Connection) -> DatabaseLevel:
    """Hypertables, policies and the candle views ``candles_<timeframe>``, as far as the level allows."""
    level = detect(connection)
    if level is not DatabaseLevel.PLAIN:
        for table, chunk in HYPERTABLES.items():
            connection.execute(
                text(
                    f"SELECT create_hypertable('{table}', 'time', chunk_time_interval => INTERVAL '{chunk}',"
                    " if_not_exists => TRUE, migrate_data => TRUE)"
                )
            )
    connection.commit()
    if level is DatabaseLevel.COMMUNITY:
        _policies(connection)
    else:
        prune(connection)
    for timeframe, interval in AGGREGATES.items():
        _candle_view(connection, level, timeframe, interval)
    return level


def _policies(connection: Connection) -> None:
    for table, (segments, order) in COMPRESS_BY.items():
        enabled = connection.execute(
            text("SELECT compression_enabled FROM timescaledb_information.hypertables WHERE hypertable_name = :table"),
            {"table": table},
        ).scalar()
        if not enabled:
            connection.execute(
                text(
                    f"ALTER TABLE {table} SET (timescaledb.compress, timescaledb.compress_segmentby = '{segments}',"
                    f" timescaledb.compress_orderby = '{order}')"
                )
            )
        connection.execute(
            text(
                f"SELECT add_compression_policy('{table}', compress_after => INTERVAL '{COMPRESS_AFTER}',"
                " if_not_exists => TRUE)"
            )
        )
    for table, keep in RETENTION.items():
        connection.execute(
            text(f"SELECT add_retention_policy('{table}', drop_after => INTERVAL '{keep}', if_not_exists => TRUE)")
        )
    connection.commit()


def prune(connection: Connection) -> dict[str, int]:
    """Delete what is older than ``RETENTION``, where no policy of the database does it; how many rows, by table.

    Ages are of market time, from the newest row: a market replayed from years ago keeps its history.
    """
    deleted = {}
    for table, keep in RETENTION.items():
        old = text(f"DELETE FROM {table} WHERE time < (SELECT max(time) FROM {table}) - INTERVAL '{keep}'")
        deleted[table] = connection.execute(old).rowcount
        connection.commit()
    return deleted


def _candle_view(connection: Connection, level: DatabaseLevel, timeframe: str, interval: str) -> None:
    name = f"candles_{timeframe}"
    if connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar() is not None:
        return
    timescale = level is not DatabaseLevel.PLAIN
    bucket = f"time_bucket('{interval}', time)" if timescale else f"date_bin('{interval}', time, TIMESTAMPTZ 'epoch')"
    body = AGGREGATE_SQL.format(
        bucket=bucket,
        first=(
            "COALESCE(first(open, time) FILTER (WHERE volume > 0), first(open, time))"
            if timescale
            else "(array_agg(open ORDER BY volume = 0, time))[1]"
        ),
        last="last(close, time)" if timescale else "(array_agg(close ORDER BY time DESC))[1]",
    )
    if level is DatabaseLevel.COMMUNITY:
        connection.execute(
            text(
                f"CREATE MATERIALIZED VIEW {name} WITH (timescaledb.continuous, timescaledb.materialized_only = false)"
                f" AS {body} WITH NO DATA"
            )
        )
        connection.execute(
            text(
                f"SELECT add_continuous_aggregate_policy('{name}', start_offset => INTERVAL '{REFRESH_FROM}',"
                " end_offset => INTERVAL '1 minute', schedule_interval => INTERVAL '5 minutes', if_not_exists => TRUE)"
            )
        )
    else:
        connection.execute(text(f"CREATE VIEW {name} AS {body}"))
    connection.commit()
