"""The metrics every service has; a service adds its own beside them with prometheus_client."""

from prometheus_client import Counter, Gauge, Histogram

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

MESSAGES_IN = Counter("roottrading_messages_in", "messages handled", ["topic"])
MESSAGES_OUT = Counter("roottrading_messages_out", "messages published", ["topic"])
DEAD_LETTERS = Counter("roottrading_dead_letters", "messages that broke their contract or their handler", ["topic"])
RETRIES = Counter("roottrading_handler_retries", "handler calls repeated after a transient failure", ["topic"])
HANDLING_S = Histogram("roottrading_handling_seconds", "time to handle one message", ["topic"], buckets=LATENCY_BUCKETS)
HEALTHY = Gauge("roottrading_dependency_up", "1 when the dependency answers", ["dependency"])
EVENT_LOOP_LAG_S = Gauge("roottrading_event_loop_lag_seconds", "how late the event loop runs its timers")
