"""What the trader counts for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

UNPROTECTED_S = Histogram(
    "roottrading_unprotected_seconds",
    "wall seconds a position stood without an order that protects it",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0),
)
ORDERS = Counter("roottrading_orders", "orders by what the exchange said at first", ["purpose", "status"])
INTENTS = Counter("roottrading_intents", "intents by what became of them", ["kind", "outcome"])
CYCLES_ENDED = Counter("roottrading_cycles_ended", "cycles by how they ended", ["status", "reason"])
OPEN_CYCLES = Gauge("roottrading_open_cycles", "positions that are open or about to be")
DIFFERENCES = Gauge("roottrading_exchange_differences", "what the exchange holds less of than the cycles say")
LARGE_POSITIONS = Gauge("roottrading_large_positions", "coins with more at stake than LARGE_POSITION_PERCENT")
HALTS = Gauge("roottrading_halts", "scopes in which the platform itself has stopped entries")
ODD_ROWS = Counter("roottrading_odd_rows", "rows that could not be handled and were set aside", ["source"])
QUARANTINED = Gauge("roottrading_quarantined_rows", "rows that are set aside now")
ORDER_S = Histogram(
    "roottrading_order_seconds",
    "wall seconds from sending an order to its answer",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0),
)
