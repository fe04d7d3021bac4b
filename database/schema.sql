-- The schema of RootTrading, written by `roottrading db schema` from database/migrations. Do not edit.
-- An empty database: psql -v ON_ERROR_STOP=1 -f database/schema.sql (`roottrading db migrate` does the same, and more).

BEGIN;

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, 
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 0001

-- Writer: dispatcher
CREATE TABLE market_data (
    time TIMESTAMPTZ NOT NULL,
    symbol VARCHAR(20) NOT NULL,
    timeframe VARCHAR(5) NOT NULL CHECK (timeframe IN ('1m', '3m', '5m', '15m', '1h', '4h', '1d')),
    open NUMERIC(28, 12) NOT NULL CHECK (open > 0),
    high NUMERIC(28, 12) NOT NULL CHECK (high > 0),
    low NUMERIC(28, 12) NOT NULL CHECK (low > 0),
    close NUMERIC(28, 12) NOT NULL CHECK (close > 0),
    volume NUMERIC(36, 12) NOT NULL CHECK (volume >= 0),
    quote_asset_volume NUMERIC(36, 12) NOT NULL DEFAULT 0 CHECK (quote_asset_volume >= 0),
    number_of_trades INTEGER NOT NULL DEFAULT 0 CHECK (number_of_trades >= 0),
    taker_buy_base_asset_volume NUMERIC(36, 12) NOT NULL DEFAULT 0,
    taker_buy_quote_asset_volume NUMERIC(36, 12) NOT NULL DEFAULT 0,
    source VARCHAR(30) NOT NULL DEFAULT 'binance',
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (symbol, timeframe, time),
    CONSTRAINT market_data_is_coherent CHECK (low <= LEAST(open, close) AND high >= GREATEST(open, close))
);
CREATE INDEX market_data_time_idx ON market_data (time DESC);

-- Writer: market_analyzer. NULL means not known yet.
CREATE TABLE analyzer_data (
    time TIMESTAMPTZ NOT NULL,
    symbol VARCHAR(20) NOT NULL,
    timeframe VARCHAR(5) NOT NULL CHECK (timeframe IN ('1m', '3m', '5m', '15m', '1h', '4h', '1d')),
    analysis_timestamp TIMESTAMPTZ NOT NULL DEFAULT now(),
    analyzer_version VARCHAR(20) NOT NULL DEFAULT '1',
    wma_20 DOUBLE PRECISION, dema_12 DOUBLE PRECISION, tema_12 DOUBLE PRECISION, hull_20 DOUBLE PRECISION,
    kama_14 DOUBLE PRECISION, rsi_14 DOUBLE PRECISION, rsi_21 DOUBLE PRECISION, ema_7 DOUBLE PRECISION,
    ema_12 DOUBLE PRECISION, ema_26 DOUBLE PRECISION, ema_50 DOUBLE PRECISION, ema_99 DOUBLE PRECISION,
    sma_20 DOUBLE PRECISION, sma_50 DOUBLE PRECISION, macd_line DOUBLE PRECISION, macd_signal DOUBLE PRECISION,
    macd_histogram DOUBLE PRECISION, ppo DOUBLE PRECISION, macd_zero_cross BOOLEAN, macd_signal_cross BOOLEAN,
    macd_trend VARCHAR(10), bb_upper DOUBLE PRECISION, bb_middle DOUBLE PRECISION, bb_lower DOUBLE PRECISION,
    bb_position DOUBLE PRECISION, bb_width DOUBLE PRECISION, bb_squeeze BOOLEAN, bb_expansion BOOLEAN,
    bb_breakout_direction VARCHAR(10), keltner_upper DOUBLE PRECISION, keltner_lower DOUBLE PRECISION,
    stoch_k DOUBLE PRECISION, stoch_d DOUBLE PRECISION, stoch_rsi DOUBLE PRECISION, stoch_fast_k DOUBLE PRECISION,
    stoch_fast_d DOUBLE PRECISION, stoch_divergence BOOLEAN, stoch_signal VARCHAR(10), atr_14 DOUBLE PRECISION,
    atr_percentile DOUBLE PRECISION, natr DOUBLE PRECISION, volatility_regime VARCHAR(15),
    atr_stop_long DOUBLE PRECISION, atr_stop_short DOUBLE PRECISION, adx_14 DOUBLE PRECISION,
    plus_di DOUBLE PRECISION, minus_di DOUBLE PRECISION, dx DOUBLE PRECISION, adxr DOUBLE PRECISION,
    trend_strength VARCHAR(15), directional_bias VARCHAR(10), trend_angle DOUBLE PRECISION,
    williams_r DOUBLE PRECISION, mfi_14 DOUBLE PRECISION, cci_20 DOUBLE PRECISION, momentum_10 DOUBLE PRECISION,
    roc_10 DOUBLE PRECISION, roc_20 DOUBLE PRECISION, vwap_10 DOUBLE PRECISION, vwap_quote_10 DOUBLE PRECISION,
    anchored_vwap DOUBLE PRECISION, vwap_upper_band DOUBLE PRECISION, vwap_lower_band DOUBLE PRECISION,
    volume_ratio DOUBLE PRECISION, avg_volume_20 DOUBLE PRECISION, quote_volume_ratio DOUBLE PRECISION,
    avg_trade_size DOUBLE PRECISION, trade_intensity DOUBLE PRECISION, obv DOUBLE PRECISION,
    obv_ma_10 DOUBLE PRECISION, obv_oscillator DOUBLE PRECISION, ad_line DOUBLE PRECISION,
    volume_profile_poc DOUBLE PRECISION, volume_profile_vah DOUBLE PRECISION, volume_profile_val DOUBLE PRECISION,
    market_regime VARCHAR(20), regime_strength VARCHAR(15), regime_confidence DOUBLE PRECISION,
    regime_duration INTEGER, trend_alignment DOUBLE PRECISION, momentum_score DOUBLE PRECISION,
    support_levels JSONB, resistance_levels JSONB, nearest_support DOUBLE PRECISION,
    nearest_resistance DOUBLE PRECISION, support_strength VARCHAR(15), resistance_strength VARCHAR(15),
    break_probability DOUBLE PRECISION, pivot_count INTEGER, volume_context VARCHAR(20),
    volume_pattern VARCHAR(15), volume_quality_score DOUBLE PRECISION, relative_volume DOUBLE PRECISION,
    volume_buildup_periods INTEGER, volume_spike_multiplier DOUBLE PRECISION, pattern_detected VARCHAR(30),
    pattern_confidence DOUBLE PRECISION, signal_strength VARCHAR(15), confluence_score DOUBLE PRECISION,
    extra JSONB NOT NULL DEFAULT '{}',
    calculation_time_ms INTEGER, cache_hit_ratio DOUBLE PRECISION, data_quality VARCHAR(15),
    anomaly_detected BOOLEAN,
    PRIMARY KEY (symbol, timeframe, time)
);;

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
);;

-- Writer of all of these: portfolio

-- Double entry: the lines of one posting add up to zero in every asset.
CREATE TABLE ledger_postings (
    posting_id VARCHAR(80) PRIMARY KEY,
    kind VARCHAR(15) NOT NULL CHECK (kind IN ('opening', 'fill', 'deposit', 'withdrawal', 'adjustment')),
    reference VARCHAR(80) NOT NULL DEFAULT '',
    description TEXT NOT NULL DEFAULT '',
    occurred_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX ledger_postings_time_idx ON ledger_postings (occurred_at DESC);

CREATE TABLE ledger_lines (
    posting_id VARCHAR(80) NOT NULL REFERENCES ledger_postings (posting_id),
    line_no SMALLINT NOT NULL,
    account VARCHAR(40) NOT NULL CHECK (account IN ('exchange', 'trading', 'fees', 'capital', 'difference')),
    asset VARCHAR(20) NOT NULL,
    amount NUMERIC(36, 18) NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (posting_id, line_no)
);
CREATE INDEX ledger_lines_account_idx ON ledger_lines (account, asset) INCLUDE (amount);

CREATE FUNCTION ledger_posting_balances() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    broken RECORD;
BEGIN
    SELECT asset, sum(amount) AS total INTO broken
    FROM ledger_lines WHERE posting_id = NEW.posting_id GROUP BY asset HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'posting % does not balance: % %', NEW.posting_id, broken.total, broken.asset
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_lines_balance AFTER INSERT OR UPDATE ON ledger_lines
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_posting_balances();

-- What the exchange last said.
CREATE TABLE wallets (
    asset VARCHAR(20) PRIMARY KEY,
    free NUMERIC(36, 18) NOT NULL CHECK (free >= 0),
    locked NUMERIC(36, 18) NOT NULL CHECK (locked >= 0),
    updated_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE capital_pockets (
    pocket VARCHAR(10) PRIMARY KEY CHECK (pocket IN ('active', 'buffer', 'safety')),
    share_percent NUMERIC(7, 4) NOT NULL CHECK (share_percent BETWEEN 0 AND 100),
    total NUMERIC(36, 18) NOT NULL CHECK (total >= 0),
    reserved NUMERIC(36, 18) NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    used NUMERIC(36, 18) NOT NULL DEFAULT 0 CHECK (used >= 0),
    updated_at TIMESTAMPTZ NOT NULL
);

-- Leases on quote funds: active until spent (committed), given back (released) or timed out (expired).
CREATE TABLE pocket_reservations (
    intent_id VARCHAR(50) PRIMARY KEY,
    pocket VARCHAR(10) NOT NULL REFERENCES capital_pockets (pocket),
    asset VARCHAR(20) NOT NULL,
    amount NUMERIC(36, 18) NOT NULL CHECK (amount > 0),
    spent NUMERIC(36, 18) NOT NULL DEFAULT 0 CHECK (spent >= 0),
    status VARCHAR(10) NOT NULL CHECK (status IN ('active', 'committed', 'released', 'expired')),
    reason TEXT NOT NULL DEFAULT '',
    expires_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX pocket_reservations_open_idx ON pocket_reservations (pocket) WHERE status IN ('active', 'committed');

CREATE TABLE portfolio_balances (
    time TIMESTAMPTZ NOT NULL,
    asset VARCHAR(20) NOT NULL,
    free NUMERIC(36, 18) NOT NULL CHECK (free >= 0),
    locked NUMERIC(36, 18) NOT NULL CHECK (locked >= 0),
    total NUMERIC(36, 18) NOT NULL CHECK (total >= 0),
    value_usdc NUMERIC(36, 12),
    PRIMARY KEY (asset, time)
);
CREATE INDEX portfolio_balances_time_idx ON portfolio_balances (time DESC);

CREATE TABLE performance_stats (
    period VARCHAR(10) NOT NULL CHECK (period IN ('daily', 'weekly', 'monthly')),
    period_start TIMESTAMPTZ NOT NULL,
    strategy VARCHAR(80) NOT NULL DEFAULT '',
    symbol VARCHAR(20) NOT NULL DEFAULT '',
    trades INTEGER NOT NULL DEFAULT 0,
    wins INTEGER NOT NULL DEFAULT 0,
    volume NUMERIC(36, 12) NOT NULL DEFAULT 0,
    fees NUMERIC(36, 12) NOT NULL DEFAULT 0,
    profit_loss NUMERIC(36, 12) NOT NULL DEFAULT 0,
    best NUMERIC(36, 12),
    worst NUMERIC(36, 12),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (period, period_start, strategy, symbol)
);;

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
);;

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
SELECT account, asset, sum(amount) AS amount FROM ledger_lines GROUP BY account, asset;;

INSERT INTO alembic_version (version_num) VALUES ('0001') RETURNING alembic_version.version_num;

-- Running upgrade 0001 -> 0002

CREATE TABLE paper_accounts (name VARCHAR(40) PRIMARY KEY, state BYTEA NOT NULL, saved_at TIMESTAMPTZ NOT NULL DEFAULT now());

UPDATE alembic_version SET version_num='0002' WHERE alembic_version.version_num = '0001';

-- Running upgrade 0002 -> 0003

CREATE TABLE symbol_choice (id INTEGER PRIMARY KEY DEFAULT 1 CHECK (id = 1), configured TEXT[] NOT NULL, chosen TEXT[] NOT NULL, changed_at TIMESTAMPTZ NOT NULL DEFAULT now());

UPDATE alembic_version SET version_num='0003' WHERE alembic_version.version_num = '0002';

-- Running upgrade 0003 -> 0004

CREATE TABLE strategy_parameters (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, strategy VARCHAR(60) NOT NULL, parameters JSONB NOT NULL, author VARCHAR(60) NOT NULL, changed_at TIMESTAMPTZ NOT NULL DEFAULT now());

CREATE INDEX strategy_parameters_newest_idx ON strategy_parameters (strategy, id DESC);

UPDATE alembic_version SET version_num='0004' WHERE alembic_version.version_num = '0003';

-- Running upgrade 0004 -> 0005

CREATE TABLE paper_records (id BIGINT GENERATED ALWAYS AS IDENTITY, account VARCHAR(40) NOT NULL, kind VARCHAR(20) NOT NULL, key VARCHAR(200) NOT NULL, is_live BOOLEAN NOT NULL, document JSONB NOT NULL, saved_at TIMESTAMPTZ NOT NULL DEFAULT now(), PRIMARY KEY (account, kind, key));

CREATE INDEX paper_records_live ON paper_records (account) WHERE is_live;

CREATE INDEX paper_records_history ON paper_records (account, kind, id) WHERE NOT is_live;

DROP TABLE paper_accounts;

UPDATE alembic_version SET version_num='0005' WHERE alembic_version.version_num = '0004';

-- Running upgrade 0005 -> 0006

ALTER TABLE market_data ADD COLUMN occurred_at TIMESTAMPTZ NOT NULL DEFAULT '-infinity';

UPDATE alembic_version SET version_num='0006' WHERE alembic_version.version_num = '0005';

-- Running upgrade 0006 -> 0007

ALTER TABLE trade_cycles ADD COLUMN correlation_id TEXT NOT NULL DEFAULT '', ADD COLUMN consensus_id TEXT NOT NULL DEFAULT '', ADD COLUMN pocket TEXT NOT NULL DEFAULT '', ADD COLUMN exit_intent_id TEXT NOT NULL DEFAULT '', ADD COLUMN reference_price NUMERIC(28, 12) CHECK (reference_price > 0), ADD COLUMN levels_at NUMERIC(28, 12) CHECK (levels_at > 0), ADD COLUMN sell_at_most NUMERIC(36, 12) CHECK (sell_at_most >= 0), ADD COLUMN reserved NUMERIC(36, 12) NOT NULL DEFAULT 0 CHECK (reserved >= 0), ADD COLUMN resting BOOLEAN NOT NULL DEFAULT FALSE;

UPDATE trade_cycles SET correlation_id = coalesce(metadata ->> 'correlation_id', ''), consensus_id = coalesce(metadata ->> 'consensus_id', ''), pocket = coalesce(metadata ->> 'pocket', ''), exit_intent_id = coalesce(metadata ->> 'exit_intent_id', ''), reference_price = (metadata ->> 'reference_price')::numeric, levels_at = (metadata ->> 'levels_at')::numeric, sell_at_most = (metadata ->> 'sell_at_most')::numeric, reserved = coalesce((metadata ->> 'reserved')::numeric, 0), resting = coalesce((metadata ->> 'resting')::boolean, FALSE) WHERE metadata <> '{}';

UPDATE alembic_version SET version_num='0007' WHERE alembic_version.version_num = '0006';

-- Running upgrade 0007 -> 0008

ALTER TABLE ledger_postings DROP CONSTRAINT ledger_postings_kind_check, ADD CONSTRAINT ledger_postings_kind_check CHECK (kind IN ('opening', 'fill', 'deposit', 'withdrawal', 'adjustment', 'convert', 'dust', 'earn', 'reward'));

ALTER TABLE ledger_lines DROP CONSTRAINT ledger_lines_account_check, ADD CONSTRAINT ledger_lines_account_check CHECK (account IN ('exchange', 'trading', 'fees', 'capital', 'difference', 'convert', 'dust', 'earn', 'rewards'));

ALTER TABLE trade_executions DROP CONSTRAINT trade_executions_quote_quantity_check, ADD CONSTRAINT trade_executions_quote_quantity_check CHECK (quote_quantity >= 0);

UPDATE trade_executions SET fee_asset = '' WHERE fee = 0 AND fee_asset <> '';

UPDATE alembic_version SET version_num='0008' WHERE alembic_version.version_num = '0007';

-- Running upgrade 0008 -> 0009

ALTER TABLE trading_pauses
            ADD COLUMN cause VARCHAR(20) NOT NULL DEFAULT 'hand',
            ADD COLUMN until TIMESTAMPTZ,
            DROP CONSTRAINT trading_pauses_pkey,
            ADD PRIMARY KEY (scope, cause);

UPDATE trading_pauses SET cause = 'difference' WHERE reason LIKE 'difference:%';

UPDATE alembic_version SET version_num='0009' WHERE alembic_version.version_num = '0008';

-- Running upgrade 0009 -> 0010

CREATE TABLE loss_mark (
            one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
            day TIMESTAMPTZ NOT NULL,
            result NUMERIC(36, 12) NOT NULL,
            open_before NUMERIC(36, 12) NOT NULL,
            index NUMERIC(28, 12) NOT NULL CHECK (index >= 0),
            day_index NUMERIC(28, 12) NOT NULL CHECK (day_index >= 0),
            peak_index NUMERIC(28, 12) NOT NULL CHECK (peak_index >= index)
        );

UPDATE alembic_version SET version_num='0010' WHERE alembic_version.version_num = '0009';

-- Running upgrade 0010 -> 0011

ALTER TABLE trade_cycles ADD COLUMN dust_cost_max NUMERIC(36, 12) CHECK (dust_cost_max >= 0);

UPDATE alembic_version SET version_num='0011' WHERE alembic_version.version_num = '0010';

-- Running upgrade 0011 -> 0012

CREATE TABLE idempotency_keys (token_id VARCHAR(20) NOT NULL, key VARCHAR(200) NOT NULL, route TEXT NOT NULL, body_sha256 CHAR(64) NOT NULL, claimed_until TIMESTAMPTZ NOT NULL, status SMALLINT, answer TEXT, created_at TIMESTAMPTZ NOT NULL DEFAULT now(), PRIMARY KEY (token_id, key), CHECK ((status IS NULL) = (answer IS NULL)));

CREATE INDEX idempotency_keys_created_idx ON idempotency_keys (created_at);

UPDATE alembic_version SET version_num='0012' WHERE alembic_version.version_num = '0011';

-- Running upgrade 0012 -> 0013

ALTER TABLE trade_cycles ADD COLUMN managed_by TEXT NOT NULL DEFAULT 'strategies' CHECK (managed_by IN ('owner', 'strategies'));

UPDATE trade_cycles SET managed_by = 'owner' WHERE strategy = 'MANUAL';

UPDATE alembic_version SET version_num='0013' WHERE alembic_version.version_num = '0012';

-- Running upgrade 0013 -> 0014

CREATE TABLE valuation (only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row), asset VARCHAR(20) NOT NULL);

CREATE TABLE cycle_values (cycle_id VARCHAR(50) PRIMARY KEY REFERENCES trade_cycles (id), valued_in VARCHAR(20) NOT NULL, rate NUMERIC(36, 18) CHECK (rate > 0), fee_gap NUMERIC(36, 12) CHECK (fee_gap >= 0), updated_at TIMESTAMPTZ NOT NULL);

CREATE INDEX cycle_values_unknown_idx ON cycle_values (cycle_id) WHERE rate IS NULL OR fee_gap IS NULL;

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
) r;

DROP VIEW strategy_performance, symbol_performance;

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
FROM valued_cycles WHERE status = 'completed' GROUP BY strategy;

CREATE VIEW symbol_performance AS
SELECT symbol,
       count(*) AS cycles,
       count(*) FILTER (WHERE profit_loss > 0) AS wins,
       sum(profit_loss) AS profit_loss,
       avg(profit_loss_percent) AS average_percent,
       sum(fees) AS fees
FROM valued_cycles WHERE status = 'completed' GROUP BY symbol;

UPDATE alembic_version SET version_num='0014' WHERE alembic_version.version_num = '0013';

-- Running upgrade 0014 -> 0015

LOCK TABLE ledger_lines IN SHARE ROW EXCLUSIVE MODE;

CREATE TABLE ledger_totals (
    account VARCHAR(40) NOT NULL,
    asset VARCHAR(20) NOT NULL,
    amount NUMERIC(36, 18) NOT NULL,
    PRIMARY KEY (account, asset)
);

INSERT INTO ledger_totals SELECT account, asset, sum(amount) FROM ledger_lines GROUP BY account, asset;

CREATE FUNCTION ledger_add_up() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_totals (account, asset, amount)
    SELECT account, asset, sum(amount) FROM added GROUP BY account, asset ORDER BY account, asset
    ON CONFLICT (account, asset) DO UPDATE SET amount = ledger_totals.amount + EXCLUDED.amount;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_lines_add_up AFTER INSERT ON ledger_lines REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_add_up();

CREATE FUNCTION ledger_lines_stay() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a line of the ledger is never changed: post another one' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER ledger_lines_stay BEFORE UPDATE OR DELETE ON ledger_lines FOR EACH ROW EXECUTE FUNCTION ledger_lines_stay();

CREATE OR REPLACE VIEW ledger_balances AS SELECT account, asset, CAST(amount AS NUMERIC) AS amount FROM ledger_totals;

CREATE INDEX trade_executions_order_idx ON trade_executions (client_order_id);

UPDATE alembic_version SET version_num='0015' WHERE alembic_version.version_num = '0014';

-- Running upgrade 0015 -> 0016

CREATE TABLE equity_points (
    time TIMESTAMPTZ PRIMARY KEY,
    equity NUMERIC(36, 12) NOT NULL,
    flow NUMERIC(36, 12) NOT NULL,
    return_index NUMERIC(36, 18) NOT NULL CHECK (return_index >= 0),
    equity_eur NUMERIC(36, 12)
);

CREATE TABLE equity_state (
    only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    valued_in VARCHAR(20) NOT NULL,
    holdings JSONB NOT NULL
);

UPDATE alembic_version SET version_num='0016' WHERE alembic_version.version_num = '0015';

-- Running upgrade 0016 -> 0017

ALTER TABLE capital_pockets ADD COLUMN pocket_type VARCHAR(10) GENERATED ALWAYS AS (pocket) STORED, ADD COLUMN allocation_percent NUMERIC(7, 4) GENERATED ALWAYS AS (share_percent) STORED, ADD COLUMN current_value NUMERIC(36, 18) GENERATED ALWAYS AS (total) STORED, ADD COLUMN used_value NUMERIC(36, 18) GENERATED ALWAYS AS (used) STORED, ADD COLUMN available_value NUMERIC(36, 18) NOT NULL DEFAULT 0 CHECK (available_value >= 0);

UPDATE capital_pockets p SET available_value = greatest(0, least(p.total - p.reserved - p.used, o.room)) FROM (SELECT sum(total - reserved - used) AS room FROM capital_pockets) o;

UPDATE alembic_version SET version_num='0017' WHERE alembic_version.version_num = '0016';

-- Running upgrade 0017 -> 0018

ALTER TABLE trade_cycles ADD COLUMN decided_at TIMESTAMPTZ, ADD COLUMN entry_canceled BOOLEAN NOT NULL DEFAULT FALSE;

UPDATE alembic_version SET version_num='0018' WHERE alembic_version.version_num = '0017';

-- Running upgrade 0018 -> 0019

CREATE TABLE quarantine (
        source TEXT NOT NULL,
        key TEXT NOT NULL,
        symbol TEXT NOT NULL DEFAULT '',
        reason TEXT NOT NULL,
        content TEXT NOT NULL DEFAULT '',
        since TIMESTAMPTZ NOT NULL,
        released_at TIMESTAMPTZ,
        PRIMARY KEY (source, key)
    );

UPDATE alembic_version SET version_num='0019' WHERE alembic_version.version_num = '0018';

-- Running upgrade 0019 -> 0020

CREATE TABLE trader_leases (
        account TEXT PRIMARY KEY,
        token BIGINT NOT NULL CHECK (token > 0),
        holder TEXT NOT NULL,
        since TIMESTAMPTZ NOT NULL
    );

UPDATE alembic_version SET version_num='0020' WHERE alembic_version.version_num = '0019';

-- Running upgrade 0020 -> 0021

ALTER TABLE orders ADD COLUMN cancel_asked BOOLEAN NOT NULL DEFAULT FALSE;

UPDATE orders SET cancel_asked = TRUE WHERE status = 'CANCELED';

UPDATE alembic_version SET version_num='0021' WHERE alembic_version.version_num = '0020';

-- Running upgrade 0021 -> 0022

ALTER TABLE orders ADD COLUMN arrival_price NUMERIC(28, 12), ADD COLUMN arrival_touch NUMERIC(28, 12),
    ADD COLUMN benchmark NUMERIC(28, 12);

ALTER TABLE trade_cycles ADD COLUMN entry_benchmark NUMERIC(28, 12), ADD COLUMN exit_benchmark NUMERIC(28, 12),
    ADD COLUMN entry_slippage_bips NUMERIC(20, 4), ADD COLUMN exit_slippage_bips NUMERIC(20, 4);

CREATE OR REPLACE VIEW trades AS
SELECT e.trade_id AS id, e.order_id, e.symbol, e.side, e.status, e.price, e.quantity, e.fee, e.fee_asset, e.role,
       e.quote_quantity, e.timestamp, e.demo, e.strategy, e.cycle_id, o.benchmark,
       round((e.price / o.benchmark - 1) * CASE e.side WHEN 'BUY' THEN 10000 ELSE -10000 END, 4) AS slippage_bips
FROM trade_executions e LEFT JOIN orders o USING (client_order_id);

CREATE OR REPLACE VIEW valued_cycles AS
SELECT c.id, c.symbol, c.strategy, c.status, c.opened_at, c.created_at, c.updated_at, c.completed_at, c.demo, r.rate,
       c.profit_loss * r.rate - coalesce(v.fee_gap, 0) AS profit_loss, c.profit_loss_percent,
       c.fees * r.rate + coalesce(v.fee_gap, 0) AS fees,
       (coalesce(c.quantity * c.entry_price, 0) + coalesce(c.exit_quantity * c.exit_price, 0)) * r.rate AS volume,
       CASE WHEN c.entry_benchmark IS NULL THEN 0 ELSE c.quantity * c.entry_price * r.rate END AS entry_value,
       CASE WHEN c.exit_benchmark IS NULL THEN 0 ELSE c.exit_quantity * c.exit_price * r.rate END AS exit_value,
       c.entry_slippage_bips, c.exit_slippage_bips,
       (coalesce(c.quantity * c.entry_benchmark * c.entry_slippage_bips, 0)
        + coalesce(c.exit_quantity * c.exit_benchmark * c.exit_slippage_bips, 0)) / 10000 * r.rate AS slippage
FROM trade_cycles c
LEFT JOIN valuation a ON TRUE
LEFT JOIN cycle_values v ON v.cycle_id = c.id AND v.valued_in = a.asset
CROSS JOIN LATERAL (
    SELECT CASE WHEN right(c.symbol, length(coalesce(a.asset, ''))) = coalesce(a.asset, '') THEN 1
           ELSE v.rate END AS rate
) r;

UPDATE alembic_version SET version_num='0022' WHERE alembic_version.version_num = '0021';

-- Running upgrade 0022 -> 0023

CREATE TABLE trade_cursors (
        symbol TEXT PRIMARY KEY,
        begins_after BIGINT NOT NULL,
        compared_to BIGINT NOT NULL,
        CHECK (compared_to >= begins_after)
    );

UPDATE alembic_version SET version_num='0023' WHERE alembic_version.version_num = '0022';

-- Running upgrade 0023 -> 0024

ALTER TABLE orders ADD COLUMN sent_type VARCHAR(20);

UPDATE orders SET sent_type = type, type = 'MARKET'
WHERE purpose IN ('entry', 'manual') AND side = 'BUY' AND type = 'LIMIT' AND time_in_force = 'IOC';

ALTER TABLE trade_cycles ADD COLUMN expires_at TIMESTAMPTZ;

ALTER TABLE orders DROP CONSTRAINT orders_status_check, ADD CONSTRAINT orders_status_check CHECK (status IN (
    'INTENT', 'SENT', 'UNKNOWN', 'PENDING_NEW', 'NEW', 'PARTIALLY_FILLED', 'FILLED', 'CANCELED', 'REJECTED', 'EXPIRED',
    'EXPIRED_IN_MATCH'));

DROP INDEX orders_open_idx;
CREATE INDEX orders_open_idx ON orders (symbol)
    WHERE status IN ('INTENT', 'SENT', 'UNKNOWN', 'PENDING_NEW', 'NEW', 'PARTIALLY_FILLED');

UPDATE alembic_version SET version_num='0024' WHERE alembic_version.version_num = '0023';

-- Running upgrade 0024 -> 0025

ALTER TABLE trade_cycles ADD COLUMN hand_sales JSONB NOT NULL DEFAULT '[]';

UPDATE alembic_version SET version_num='0025' WHERE alembic_version.version_num = '0024';

-- Running upgrade 0025 -> 0026

CREATE TABLE unbooked_executions (
        execution_id TEXT PRIMARY KEY,
        symbol TEXT NOT NULL,
        reason TEXT NOT NULL,
        since TIMESTAMPTZ NOT NULL,
        released_at TIMESTAMPTZ
    );

UPDATE alembic_version SET version_num='0026' WHERE alembic_version.version_num = '0025';

-- Running upgrade 0026 -> 0027

ALTER TABLE trade_cycles ADD COLUMN plan JSONB, ADD COLUMN entering BOOLEAN NOT NULL DEFAULT FALSE;

UPDATE alembic_version SET version_num='0027' WHERE alembic_version.version_num = '0026';

-- Running upgrade 0027 -> 0028

CREATE TABLE commission_rates (symbol VARCHAR(20) PRIMARY KEY, maker NUMERIC(18, 12) NOT NULL, taker NUMERIC(18, 12) NOT NULL, updated_at TIMESTAMPTZ NOT NULL);

UPDATE alembic_version SET version_num='0028' WHERE alembic_version.version_num = '0027';

COMMIT;

