-- Writer: dispatcher. What broke its contract, with the reason; replayed_at is set when it was sent again.
CREATE TABLE dead_letters (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source VARCHAR(120) NOT NULL,
    consumer VARCHAR(60) NOT NULL,
    reason TEXT NOT NULL,
    payload TEXT NOT NULL,
    fingerprint VARCHAR(64) NOT NULL UNIQUE,
    occurred_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    replayed_at TIMESTAMPTZ
);

CREATE TABLE event_logs (
    time TIMESTAMPTZ NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    service VARCHAR(30) NOT NULL,
    level VARCHAR(10) NOT NULL CHECK (level IN ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')),
    message TEXT NOT NULL,
    correlation_id VARCHAR(80) NOT NULL DEFAULT '',
    data JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (time, id)
);
CREATE INDEX event_logs_level_idx ON event_logs (level, time DESC);

-- Only hashes: a token is shown once, when it is made.
CREATE TABLE api_tokens (
    token_id VARCHAR(20) PRIMARY KEY,
    name VARCHAR(60) NOT NULL,
    sha256 CHAR(64) NOT NULL UNIQUE,
    scope VARCHAR(5) NOT NULL CHECK (scope IN ('read', 'trade', 'admin')),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    revoked_at TIMESTAMPTZ
);

-- Who did what through an API.
CREATE TABLE audit_trail (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL DEFAULT now(),
    token_id VARCHAR(20) NOT NULL,
    action VARCHAR(60) NOT NULL,
    detail JSONB NOT NULL DEFAULT '{}'
);
