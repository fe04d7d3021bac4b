-- Writer: signal_aggregator. One row per symbol, timeframe and bar that had votes; the votes behind it with it.
CREATE TABLE trading_signals (
    id VARCHAR(50) PRIMARY KEY,
    strategy VARCHAR(80) NOT NULL,
    symbol VARCHAR(20) NOT NULL,
    timeframe VARCHAR(5) NOT NULL,
    side VARCHAR(4) CHECK (side IN ('BUY', 'SELL')),
    timestamp TIMESTAMPTZ NOT NULL,
    strength DOUBLE PRECISION CHECK (strength BETWEEN 0 AND 1),
    level VARCHAR(12) CHECK (level IN ('WEAK', 'MODERATE', 'STRONG', 'VERY_STRONG')),
    confidence DOUBLE PRECISION CHECK (confidence BETWEEN 0 AND 1),
    price NUMERIC(28, 12) NOT NULL CHECK (price > 0),
    stop_loss NUMERIC(28, 12) CHECK (stop_loss > 0),
    take_profit NUMERIC(28, 12) CHECK (take_profit > 0),
    accepted BOOLEAN NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    votes JSONB NOT NULL DEFAULT '[]',
    votes_count INTEGER NOT NULL DEFAULT 0 CHECK (votes_count >= 0),
    metadata JSONB NOT NULL DEFAULT '{}',
    processed BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (symbol, timeframe, timestamp)
);
CREATE INDEX trading_signals_time_idx ON trading_signals (timestamp DESC);
CREATE INDEX trading_signals_pending_idx ON trading_signals (timestamp) WHERE accepted AND NOT processed;

-- Writer: coordinator. Approved or refused, with the reason; intent is the message sent to the trader.
CREATE TABLE decisions (
    intent_id VARCHAR(50) PRIMARY KEY,
    consensus_id VARCHAR(50) NOT NULL,
    symbol VARCHAR(20) NOT NULL,
    side VARCHAR(4) NOT NULL CHECK (side IN ('BUY', 'SELL')),
    kind VARCHAR(8) NOT NULL CHECK (kind IN ('entry', 'exit')),
    approved BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    intent JSONB,
    published BOOLEAN NOT NULL DEFAULT FALSE,
    decided_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CHECK (approved = (intent IS NOT NULL))
);
CREATE INDEX decisions_time_idx ON decisions (decided_at DESC);
CREATE INDEX decisions_consensus_idx ON decisions (consensus_id);
CREATE INDEX decisions_unpublished_idx ON decisions (decided_at) WHERE approved AND NOT published;

-- Writer: trader
CREATE TABLE trade_cycles (
    id VARCHAR(50) PRIMARY KEY,
    intent_id VARCHAR(50) UNIQUE,
    symbol VARCHAR(20) NOT NULL,
    strategy VARCHAR(80) NOT NULL,
    status VARCHAR(15) NOT NULL CHECK (status IN (
        'initiating', 'waiting_buy', 'active_buy', 'waiting_sell', 'active_sell', 'completed', 'canceled', 'failed')),
    side VARCHAR(4) NOT NULL CHECK (side IN ('BUY', 'SELL')),
    entry_order_id VARCHAR(50),
    exit_order_id VARCHAR(50),
    entry_price NUMERIC(28, 12) CHECK (entry_price > 0),
    exit_price NUMERIC(28, 12) CHECK (exit_price > 0),
    quantity NUMERIC(36, 12) NOT NULL DEFAULT 0 CHECK (quantity >= 0),
    exit_quantity NUMERIC(36, 12) NOT NULL DEFAULT 0 CHECK (exit_quantity >= 0),
    dust NUMERIC(36, 12) NOT NULL DEFAULT 0 CHECK (dust >= 0),
    stop_price NUMERIC(28, 12) CHECK (stop_price > 0),
    take_profit_price NUMERIC(28, 12) CHECK (take_profit_price > 0),
    trailing_delta NUMERIC(16, 8),
    min_price NUMERIC(28, 12),
    max_price NUMERIC(28, 12),
    fees NUMERIC(36, 12) NOT NULL DEFAULT 0,
    profit_loss NUMERIC(36, 12),
    profit_loss_percent NUMERIC(20, 8),
    exit_reason TEXT NOT NULL DEFAULT '',
    protected_at TIMESTAMPTZ,
    unprotected_s DOUBLE PRECISION NOT NULL DEFAULT 0,
    confirmed BOOLEAN NOT NULL DEFAULT FALSE,
    demo BOOLEAN NOT NULL,
    metadata JSONB NOT NULL DEFAULT '{}',
    opened_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    completed_at TIMESTAMPTZ,
    CHECK (status <> 'completed' OR (profit_loss IS NOT NULL AND completed_at IS NOT NULL))
);
CREATE INDEX trade_cycles_status_idx ON trade_cycles (status, symbol);
CREATE INDEX trade_cycles_created_idx ON trade_cycles (created_at DESC);
CREATE INDEX trade_cycles_completed_idx ON trade_cycles (completed_at) WHERE status = 'completed';

-- Writer: trader. A row exists before anything is sent.
CREATE TABLE orders (
    client_order_id VARCHAR(50) PRIMARY KEY,
    intent_id VARCHAR(50) NOT NULL,
    cycle_id VARCHAR(50) REFERENCES trade_cycles (id),
    attempt INTEGER NOT NULL DEFAULT 1 CHECK (attempt >= 1),
    purpose VARCHAR(15) NOT NULL CHECK (purpose IN ('entry', 'exit', 'stop_loss', 'take_profit', 'manual', 'external')),
    order_list_id BIGINT,
    exchange_order_id BIGINT,
    symbol VARCHAR(20) NOT NULL,
    side VARCHAR(4) NOT NULL CHECK (side IN ('BUY', 'SELL')),
    type VARCHAR(20) NOT NULL CHECK (type IN (
        'MARKET', 'LIMIT', 'LIMIT_MAKER', 'STOP_LOSS', 'STOP_LOSS_LIMIT', 'TAKE_PROFIT', 'TAKE_PROFIT_LIMIT')),
    time_in_force VARCHAR(5),
    quantity NUMERIC(36, 12) NOT NULL CHECK (quantity > 0),
    price NUMERIC(28, 12) CHECK (price > 0),
    stop_price NUMERIC(28, 12) CHECK (stop_price > 0),
    executed_quantity NUMERIC(36, 12) NOT NULL DEFAULT 0 CHECK (executed_quantity >= 0 AND executed_quantity <= quantity),
    executed_quote NUMERIC(36, 12) NOT NULL DEFAULT 0 CHECK (executed_quote >= 0),
    status VARCHAR(20) NOT NULL CHECK (status IN (
        'INTENT', 'SENT', 'UNKNOWN', 'NEW', 'PARTIALLY_FILLED', 'FILLED', 'CANCELED', 'REJECTED', 'EXPIRED',
        'EXPIRED_IN_MATCH')),
    reject_code INTEGER,
    reason TEXT NOT NULL DEFAULT '',
    correlation_id VARCHAR(80) NOT NULL DEFAULT '',
    demo BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    sent_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (symbol, exchange_order_id)
);
CREATE INDEX orders_open_idx ON orders (symbol)
    WHERE status IN ('INTENT', 'SENT', 'UNKNOWN', 'NEW', 'PARTIALLY_FILLED');
CREATE INDEX orders_created_idx ON orders (created_at DESC);
CREATE INDEX orders_cycle_idx ON orders (cycle_id);
CREATE INDEX orders_intent_idx ON orders (intent_id);

-- Writer: trader. One row per fill, by the exchange's trade id.
CREATE TABLE trade_executions (
    id VARCHAR(60) PRIMARY KEY,
    order_id VARCHAR(50) NOT NULL,
    client_order_id VARCHAR(50) NOT NULL REFERENCES orders (client_order_id),
    trade_id BIGINT NOT NULL,
    cycle_id VARCHAR(50) REFERENCES trade_cycles (id),
    symbol VARCHAR(20) NOT NULL,
    side VARCHAR(4) NOT NULL CHECK (side IN ('BUY', 'SELL')),
    status VARCHAR(20) NOT NULL DEFAULT 'FILLED',
    price NUMERIC(28, 12) NOT NULL CHECK (price > 0),
    quantity NUMERIC(36, 12) NOT NULL CHECK (quantity > 0),
    quote_quantity NUMERIC(36, 12) NOT NULL CHECK (quote_quantity > 0),
    fee NUMERIC(36, 12) NOT NULL CHECK (fee >= 0),
    fee_asset VARCHAR(20) NOT NULL,
    role VARCHAR(5) NOT NULL CHECK (role IN ('maker', 'taker')),
    purpose VARCHAR(15) NOT NULL,
    strategy VARCHAR(80) NOT NULL DEFAULT '',
    demo BOOLEAN NOT NULL,
    metadata JSONB NOT NULL DEFAULT '{}',
    published BOOLEAN NOT NULL DEFAULT FALSE,
    timestamp TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (symbol, trade_id)
);
CREATE INDEX trade_executions_time_idx ON trade_executions (timestamp DESC);
CREATE INDEX trade_executions_cycle_idx ON trade_executions (cycle_id);
CREATE INDEX trade_executions_unpublished_idx ON trade_executions (timestamp) WHERE NOT published;

-- Writer: trader. Pauses survive a restart; scope is 'all', a symbol or a strategy.
CREATE TABLE trading_pauses (
    scope VARCHAR(80) PRIMARY KEY,
    reason TEXT NOT NULL DEFAULT '',
    since TIMESTAMPTZ NOT NULL
);

-- Writer: trader. What became of each intent: it is taken exactly once.
CREATE TABLE trade_intents (
    intent_id VARCHAR(50) PRIMARY KEY,
    accepted BOOLEAN NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    handled_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX trade_intents_time_idx ON trade_intents (handled_at DESC);

-- Writer: trader. Messages that belong to a committed change and are not on the bus yet, in order.
CREATE TABLE trade_outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic VARCHAR(60) NOT NULL,
    message_id VARCHAR(120) NOT NULL,
    payload JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
