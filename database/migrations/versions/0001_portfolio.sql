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
);
