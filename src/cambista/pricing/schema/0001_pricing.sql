-- Rate book, operator's fixed prices, last recorded fair prices, candles.
CREATE SCHEMA IF NOT EXISTS pricing;
GRANT USAGE ON SCHEMA pricing TO cambista_app;

CREATE TABLE pricing.rate (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL CHECK (length(source) BETWEEN 1 AND 64),
    name text NOT NULL CHECK (name IN ('market', 'p2p', 'official', 'parallel')),
    base_asset text NOT NULL,
    quote_asset text NOT NULL,
    value numeric NOT NULL CHECK (value > 0 AND value < 'Infinity'),
    valid_from date NOT NULL,
    valid_to date NOT NULL CHECK (valid_to >= valid_from),
    known_at timestamptz NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('accepted', 'stuck', 'absurd')),
    recorded_at timestamptz NOT NULL
);
CREATE INDEX rate_lookup ON pricing.rate (base_asset, quote_asset, name, valid_from DESC, known_at DESC);
CREATE INDEX rate_series ON pricing.rate (source, name, base_asset, quote_asset, valid_from DESC, known_at DESC);
CREATE UNIQUE INDEX rate_once ON pricing.rate (source, name, base_asset, quote_asset, valid_from, known_at);

CREATE TABLE pricing.configured_price (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pair text NOT NULL,
    bid numeric NOT NULL CHECK (bid > 0),
    ask numeric NOT NULL CHECK (ask >= bid),
    set_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    set_by uuid NOT NULL
);
CREATE INDEX configured_price_latest ON pricing.configured_price (pair, id DESC);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pricing.rate
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pricing.configured_price
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();

CREATE TABLE pricing.last_price (
    pair text PRIMARY KEY,
    fair numeric NOT NULL CHECK (fair > 0),
    spread_bps numeric NOT NULL CHECK (spread_bps >= 0),
    dispersion_bps numeric NOT NULL CHECK (dispersion_bps >= 0),
    confidence numeric NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    bid_depth numeric NOT NULL CHECK (bid_depth >= 0),
    ask_depth numeric NOT NULL CHECK (ask_depth >= 0),
    sources text[] NOT NULL,
    observed_at timestamptz NOT NULL,
    fresh_until timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL
);

CREATE TABLE pricing.candle (
    pair text NOT NULL,
    width text NOT NULL CHECK (width IN ('1m', '1h', '1d')),
    opened_at timestamptz NOT NULL,
    open numeric NOT NULL CHECK (open > 0),
    high numeric NOT NULL,
    low numeric NOT NULL CHECK (low > 0 AND low <= high),
    close numeric NOT NULL CHECK (close > 0),
    samples bigint NOT NULL CHECK (samples > 0),
    PRIMARY KEY (pair, width, opened_at)
);

GRANT SELECT, INSERT ON pricing.rate, pricing.configured_price TO cambista_app;
GRANT SELECT, INSERT, UPDATE ON pricing.last_price TO cambista_app;
-- Candles are statistics, not books: minutes older than the settings say are rolled into hours and dropped.
GRANT SELECT, INSERT, UPDATE, DELETE ON pricing.candle TO cambista_app;
